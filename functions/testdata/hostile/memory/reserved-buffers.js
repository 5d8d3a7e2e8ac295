// Memory that is reserved and never touched.
// expect: refused
// heap: 64
// timeout: 20s
exports.main = async event => {
  return tried([() => { const all = []; for (let i = 0; i < 256; i++) all.push(new ArrayBuffer(256 << 20)); return 'unlimited' }])
}
