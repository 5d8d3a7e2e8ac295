// The next process of this version gets this as its compiled code, and V8 refuses it.
// expect: function_error process.exit(1)
// timeout: 1500ms
const fs = require('fs')
const frame = (type, id, payload = Buffer.alloc(0), length = payload.length) => { const h = Buffer.alloc(12); h.writeUInt32LE(length, 0); h[4] = type; h.writeUInt32LE(id, 8); return Buffer.concat([h, payload]) }
const send = (...frames) => fs.writeSync(3, Buffer.concat(frames))
exports.main = async event => {
  send(frame(15, 0, Buffer.alloc(100000, 7)))
  await new Promise(done => setTimeout(done, 100))
  process.exit(1)
  return new Promise(() => {})
}
