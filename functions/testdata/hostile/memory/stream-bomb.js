// expect: refused|function_killed|function_error
// heap: 64
// timeout: 20s
exports.main = async event => {
  const zlib = require('zlib')
  const bomb = zlib.gzipSync(Buffer.alloc(64 << 20))
  return tried([async () => { const all = []; for (let i = 0; i < 40; i++) { for await (const c of require('stream').Readable.from([bomb]).pipe(zlib.createGunzip())) all.push(Buffer.from(c)) } return all.length }])
}
