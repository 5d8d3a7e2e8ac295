'use strict'
// Frames to and from the host. Little endian: u32 payload length, u8 type, u8 flags, u16 slot, u32 id, payload.
const fs = require('node:fs')
const net = require('node:net')
const { nextTick } = require('node:process')

const { writeSync } = fs

const HEADER = 12
const CHUNK = 64 * 1024
const INPUT = 8 * 1024

exports.Type = Object.freeze({
  HELLO: 1,
  LOAD: 2,
  MAP: 3,
  INVOKE: 4,
  REPLY: 5,
  STOP: 6,
  PING: 7,
  PONG: 8,
  DROPPED: 9,
  RESULT: 10,
  ERROR: 11,
  DONE: 12,
  CALL: 13,
  LOG: 14,
  CACHE: 15,
  LOADED: 16,
  INSPECT: 21,
  PREPARE: 22,
  DATA: 17,
  END: 18,
  WINDOW: 19,
  HANGUP: 20
})

/**
 * Opens the channel. onFrame(type, flags, slot, id, buffer, start, end) must copy what it keeps: the buffer is reused.
 * onChunk() is called before the frames of what has just been read, onFlush() when their answers are written.
 */
exports.open = function open (options, { onFrame, onChunk, onFlush, onClose }) {
  const input = Buffer.allocUnsafeSlow(INPUT)
  const head = Buffer.allocUnsafeSlow(HEADER)
  let headFilled = 0
  let body = null
  let bodyFilled = 0
  let output = Buffer.allocUnsafeSlow(CHUNK)
  let used = 0
  let scheduled = false

  function read (size, chunk) {
    onChunk()
    let at = 0
    while (at < size) {
      if (body !== null) {
        const n = Math.min(body.length - bodyFilled, size - at)
        chunk.copy(body, bodyFilled, at, at + n)
        bodyFilled += n
        at += n
        if (bodyFilled < body.length) break
        const whole = body
        body = null
        emit(head, 0, whole, 0, whole.length)
        continue
      }
      if (headFilled > 0 || size - at < HEADER) {
        const n = Math.min(HEADER - headFilled, size - at)
        chunk.copy(head, headFilled, at, at + n)
        headFilled += n
        at += n
        if (headFilled < HEADER) break
        headFilled = 0
        const length = head.readUInt32LE(0)
        if (length === 0) {
          emit(head, 0, head, 0, 0)
        } else {
          body = Buffer.allocUnsafeSlow(length)
          bodyFilled = 0
        }
        continue
      }
      const length = chunk.readUInt32LE(at)
      if (size - at - HEADER >= length) {
        emit(chunk, at, chunk, at + HEADER, at + HEADER + length)
        at += HEADER + length
      } else {
        chunk.copy(head, 0, at, at + HEADER)
        at += HEADER
        body = Buffer.allocUnsafeSlow(length)
        bodyFilled = 0
      }
    }
    return true
  }

  function emit (header, at, buffer, start, end) {
    onFrame(header[at + 4], header[at + 5], header.readUInt16LE(at + 6), header.readUInt32LE(at + 8), buffer, start, end)
  }

  const socket = new net.Socket({ ...options, readable: true, writable: true, onread: { buffer: input, callback: read } })
  socket.on('close', onClose)
  socket.on('error', () => {})
  socket.on('end', onClose)

  function putHeader (length, type, flags, slot, id) {
    output.writeUInt32LE(length, used)
    output[used + 4] = type
    output[used + 5] = flags
    output.writeUInt16LE(slot, used + 6)
    output.writeUInt32LE(id, used + 8)
  }

  function flush () {
    scheduled = false
    if (used === 0) return
    let written = 0
    // With nothing on its way, the socket takes it at once: this is several times cheaper than a stream's write.
    if (options.fd !== undefined && socket.writableLength === 0) {
      try {
        written = writeSync(options.fd, output, 0, used)
      } catch {} // full, or closed: the stream finds out
    }
    if (written < used) {
      const rest = Buffer.allocUnsafe(used - written)
      output.copy(rest, 0, written, used)
      socket.write(rest)
    }
    used = 0
  }

  function flushed () {
    onFlush()
    flush()
  }

  function schedule () {
    if (scheduled) return
    scheduled = true
    nextTick(flushed)
  }

  /** Queues a frame with a text payload. */
  function text (type, flags, slot, id, payload) {
    if (payload.length * 3 + HEADER > CHUNK) return bytes(type, flags, slot, id, Buffer.from(payload))
    if (payload.length * 3 + HEADER > CHUNK - used) flush()
    const n = output.utf8Write(payload, used + HEADER)
    putHeader(n, type, flags, slot, id)
    used += HEADER + n
    schedule()
  }

  /** Queues a frame whose payload is the buffers one after another. The caller must not change them afterwards. */
  function bytes (type, flags, slot, id, ...buffers) {
    let length = 0
    for (const b of buffers) length += b.length
    if (HEADER + length > CHUNK - used) flush()
    putHeader(length, type, flags, slot, id)
    used += HEADER
    if (HEADER + length <= CHUNK) {
      for (const b of buffers) used += b.copy(output, used)
      return schedule()
    }
    flush()
    for (const b of buffers) socket.write(b)
  }

  return {
    text,
    bytes,
    flush,
    /** For hosts that cannot hand over an open socket. */
    connect: port => socket.connect(port, '127.0.0.1'),
    start: () => socket.resume(),
    /** How many bytes the host has not taken yet. */
    backlog: () => socket.writableLength + used
  }
}
