// expect: function_killed wrote to the connection
// timeout: 1500ms
const fs = require('fs')
const frame = (type, id, payload = Buffer.alloc(0), length = payload.length) => { const h = Buffer.alloc(12); h.writeUInt32LE(length, 0); h[4] = type; h.writeUInt32LE(id, 8); return Buffer.concat([h, payload]) }
const send = (...frames) => fs.writeSync(3, Buffer.concat(frames))
exports.main = async event => {
  send(frame(10, 1, Buffer.from('"a\xff\xfe"', 'latin1')))
  return new Promise(() => {})
}
