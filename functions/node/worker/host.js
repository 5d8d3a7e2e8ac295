'use strict'
// Calls from function code to the platform. A window keeps what is in flight small; the rest waits here, in the
// function's own memory.
const { Type } = require('./channel')

const WINDOW_CALLS = 128
const WINDOW_BYTES = 16 * 1024 * 1024
const ATTACHMENT_LIMIT = 4 * 1024 * 1024
const REQUEST_LIMIT = 8 * 1024 * 1024
const parse = JSON.parse
const stringify = JSON.stringify
const EMPTY = Buffer.alloc(0)

class HostCalls {
  constructor (channel) {
    this.channel = channel
    this.pending = new Map()
    this.queue = []
    this.bytes = 0
    this.lastId = 0
  }

  /** Runs an operation for the invocation; rejects with an Error that carries reason, errCode and retryable. */
  call (invocation, operation, request, attachment) {
    return new Promise((resolve, reject) => {
      if (!invocation) throw failure('canceled', `${operation}: there is no request to which this call could belong`)
      if (invocation.stopped) throw failure('canceled', `${operation}: the invocation is over`)
      const json = Buffer.from(stringify(request === undefined ? {} : request))
      if (json.length > REQUEST_LIMIT) throw failure('body_too_large', `${operation}: the request is larger than ${REQUEST_LIMIT >> 20} MiB`)
      let bytes = EMPTY
      if (attachment !== undefined && attachment !== null) {
        bytes = Buffer.isBuffer(attachment) ? attachment : Buffer.from(attachment.buffer || attachment, attachment.byteOffset, attachment.byteLength)
        if (bytes.length > ATTACHMENT_LIMIT) throw failure('body_too_large', `${operation}: the attachment is larger than ${ATTACHMENT_LIMIT >> 20} MiB`)
      }
      const entry = { invocation, operation, json, attachment: bytes, size: json.length + bytes.length, resolve, reject, id: 0 }
      invocation.calls++
      if (this.fits(entry)) this.send(entry)
      else this.queue.push(entry)
    })
  }

  fits (entry) {
    return this.pending.size < WINDOW_CALLS && (this.bytes === 0 || this.bytes + entry.size <= WINDOW_BYTES)
  }

  send (entry) {
    do this.lastId = (this.lastId + 1) >>> 0 || 1
    while (this.pending.has(this.lastId))
    entry.id = this.lastId
    this.pending.set(entry.id, entry)
    this.bytes += entry.size
    const name = Buffer.from(entry.operation)
    const head = Buffer.allocUnsafe(10 + name.length)
    head.writeUInt32LE(entry.invocation.id, 0)
    head.writeUInt16LE(name.length, 4)
    name.copy(head, 6)
    head.writeUInt32LE(entry.json.length, 6 + name.length)
    this.channel.bytes(Type.CALL, 0, entry.invocation.slot.number, entry.id, head, entry.json, entry.attachment)
    entry.json = entry.attachment = null
  }

  /** Takes a REPLY frame: u32 JSON length, JSON, attachment. Flag 1 marks an error. */
  reply (flags, id, buffer, start, end) {
    const entry = this.pending.get(id)
    if (!entry) return
    this.pending.delete(id)
    this.bytes -= entry.size
    const split = start + 4 + buffer.readUInt32LE(start)
    let outcome
    try {
      outcome = parse(buffer.utf8Slice(start + 4, split))
    } catch {
      outcome = { reason: 'internal', message: 'the platform gave an unreadable answer' }
      flags = 1
    }
    if (flags & 1) entry.reject(Object.assign(new Error(outcome.message), outcome))
    else entry.resolve({ response: outcome, attachment: end > split ? Buffer.from(buffer.subarray(split, end)) : undefined })
    this.settled(entry)
    while (this.queue.length > 0 && this.fits(this.queue[0])) this.send(this.queue.shift())
  }

  /** Ends everything that the invocation still waits for. */
  stop (invocation) {
    for (const entry of this.pending.values()) if (entry.invocation === invocation) entry.reject(failure('canceled', `${entry.operation}: the invocation is over`))
    this.queue = this.queue.filter(entry => {
      if (entry.invocation !== invocation) return true
      entry.reject(failure('canceled', `${entry.operation}: the invocation is over`))
      this.settled(entry)
      return false
    })
  }

  settled (entry) {
    const { invocation } = entry
    invocation.calls--
    if (invocation.calls === 0 && invocation.onQuiet) setImmediate(quiet, invocation)
  }
}

function quiet (invocation) {
  if (invocation.calls === 0 && invocation.onQuiet) invocation.onQuiet()
}

function failure (reason, message) {
  return Object.assign(new Error(message), { reason })
}

module.exports = { HostCalls }
