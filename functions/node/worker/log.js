'use strict'
// Log lines on their way to the host, at a rate that the host accepts. What is too much is counted and said, not sent.
const { Type } = require('./channel')
const { LEVELS } = require('./shadow')

const LINES_PER_SECOND = 2000
const BYTES_PER_SECOND = 2 * 1024 * 1024
const LINE_LIMIT = 32 * 1024
const FLAG_FIELDS = 4

class LogGate {
  constructor (channel) {
    this.channel = channel
    this.until = 0
    this.lines = 0
    this.bytes = 0
    this.dropped = 0
    this.last = null
  }

  write (slot, invocation, level, text, fields = null) {
    const time = Date.now()
    if (time >= this.until) {
      this.flush()
      this.until = time + 1000
      this.lines = this.bytes = 0
    }
    if (text.length > LINE_LIMIT) text = text.slice(0, LINE_LIMIT) + '… (cut)'
    this.lines++
    this.bytes += text.length + (fields === null ? 0 : fields.length)
    if (this.lines > LINES_PER_SECOND || this.bytes > BYTES_PER_SECOND || this.channel.backlog() > 4 * BYTES_PER_SECOND) {
      this.dropped++
      this.last = { slot, invocation }
      return
    }
    this.send(slot, invocation, level, time, text, fields)
  }

  /** Says how many lines were left out, if any. */
  flush () {
    if (this.dropped === 0) return
    const { slot, invocation } = this.last
    const text = `${this.dropped} more log lines were left out: too many in a short time`
    this.dropped = 0
    this.send(slot, invocation, LEVELS.warn, Date.now(), text)
  }

  /** LOG: f64 time, text. With fields: f64 time, u32 length, fields, text. */
  send (slot, invocation, level, time, text, fields = null) {
    const size = fields === null ? 0 : Buffer.byteLength(fields)
    const start = fields === null ? 8 : 12 + size
    const payload = Buffer.allocUnsafe(start + Buffer.byteLength(text))
    payload.writeDoubleLE(time, 0)
    if (fields !== null) {
      payload.writeUInt32LE(size, 8)
      payload.utf8Write(fields, 12)
    }
    payload.utf8Write(text, start)
    this.channel.bytes(Type.LOG, fields === null ? level : level | FLAG_FIELDS, slot, invocation, payload)
  }
}

module.exports = { LogGate }
