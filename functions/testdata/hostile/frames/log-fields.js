// expect: function_error|function_killed|function_timeout
// timeout: 1500ms
const fs = require('fs')
const frame = (type, id, payload = Buffer.alloc(0), flags = 0) => { const h = Buffer.alloc(12); h.writeUInt32LE(payload.length, 0); h[4] = type; h[5] = flags; h.writeUInt32LE(id, 8); return Buffer.concat([h, payload]) }
const send = (...frames) => fs.writeSync(3, Buffer.concat(frames))
exports.main = async event => {
  const fields = (size, text) => { const p = Buffer.alloc(12); p.writeUInt32LE(size, 8); return Buffer.concat([p, Buffer.from(text)]) }
  send(frame(14, 1, fields(7, '{"a":1}fields'), 4), frame(14, 1, fields(4, '[1]}not fields'), 4), frame(14, 1, fields(0, ''), 255))
  send(frame(14, 1, fields(0xffffffff, '{}longer than the frame'), 4))
  return new Promise(() => {})
}
