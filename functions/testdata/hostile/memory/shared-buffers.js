// expect: refused
// heap: 64
// timeout: 20s
exports.main = async event => {
  return tried([() => { const all = []; for (let i = 0; i < 64; i++) all.push(new SharedArrayBuffer(256 << 20)); return 'unlimited' }])
}
