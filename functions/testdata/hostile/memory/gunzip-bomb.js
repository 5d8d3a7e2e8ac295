// expect: refused|function_killed
// heap: 64
// timeout: 20s
exports.main = async event => {
  const zlib = require('zlib')
  let bomb = zlib.gzipSync(Buffer.alloc(64 << 20))
  return tried([() => { const all = []; for (let i = 0; i < 40; i++) all.push(zlib.gunzipSync(bomb)); return all.length }])
}
