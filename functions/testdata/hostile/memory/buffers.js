// expect: refused|function_killed
// heap: 64
// timeout: 20s
exports.main = async event => {
  return tried([() => { const all = []; for (let i = 0; i < 64; i++) all.push(Buffer.alloc(64 << 20, 1)); return 'unlimited' }])
}
