// expect: refused|function_killed
// heap: 64
// timeout: 20s
exports.main = async event => {
  return tried([() => { const all = []; for (let i = 0; i < 64; i++) all.push(new WebAssembly.Memory({ initial: 4096 })); for (const m of all) new Uint8Array(m.buffer).fill(1); return 'unlimited' }])
}
