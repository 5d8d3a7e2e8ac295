// expect: function_error|function_killed|function_timeout
// timeout: 1500ms
const fs = require('fs')
const frame = (type, id, payload = Buffer.alloc(0), length = payload.length) => { const h = Buffer.alloc(12); h.writeUInt32LE(length, 0); h[4] = type; h.writeUInt32LE(id, 8); return Buffer.concat([h, payload]) }
const send = (...frames) => fs.writeSync(3, Buffer.concat(frames))
exports.main = async event => {
  const all = frame(15, 0, Buffer.alloc(8 << 20, 7))
  for (let i = 0; i < 20; i++) { let at = 0; while (at < all.length) { try { at += fs.writeSync(3, all, at) } catch (e) { if (e.code !== 'EAGAIN') throw e } } }
  return new Promise(() => {})
}
