'use strict'
// The connection of an HTTP exchange: a stream whose bytes travel as frames of the invocation. Each side sends no more
// than the other has room for.
const { Duplex } = require('node:stream')
const { Type } = require('./channel')

const WINDOW = 256 * 1024
const PIECE = 32 * 1024

class Connection extends Duplex {
  /** address: of the client. run(f) runs f as part of the invocation. over() is called once, when nothing will be sent any more. */
  constructor ({ channel, slot, id, address, run, over }) {
    super({ allowHalfOpen: true, highWaterMark: WINDOW / 4 })
    this.channel = channel
    this.slot = slot
    this.id = id
    this.remoteAddress = address
    this.remoteFamily = address.includes(':') ? 'IPv6' : 'IPv4'
    this.remotePort = 0
    this.localAddress = '127.0.0.1'
    this.localPort = 0
    this.run = run
    this.over = over
    this.room = WINDOW // what the host takes
    this.waiting = null // what it does not take yet
    this.owed = 0 // bytes read that the host has not been told of
    this.full = false
    this.hungUp = false
    this.channel.bytes(Type.WINDOW, 0, slot, id, number(WINDOW))
  }

  /** Takes bytes of the client, which must not be changed afterwards. */
  take (bytes) {
    if (this.destroyed || this.readableEnded) return
    this.owed += bytes.length
    this.full = !this.run(() => this.push(bytes))
    if (!this.full) this.giveRoom()
  }

  /** The client sends no more. */
  takeEnd () {
    if (!this.destroyed) this.run(() => this.push(null))
  }

  takeRoom (bytes) {
    this.room += bytes
    if (this.waiting === null) return
    const { chunk, done } = this.waiting
    this.waiting = null
    this.run(() => this._write(chunk, null, done))
  }

  /** The client has gone away. */
  hangUp () {
    this.hungUp = true
    this.run(() => this.destroy())
  }

  giveRoom () {
    if (this.owed < WINDOW / 4) return
    this.channel.bytes(Type.WINDOW, 0, this.slot, this.id, number(this.owed))
    this.owed = 0
  }

  _read () {
    if (!this.full) return
    this.full = false
    this.giveRoom()
  }

  _write (chunk, encoding, done) {
    let at = 0
    while (at < chunk.length && this.room > 0) {
      const end = Math.min(chunk.length, at + PIECE, at + this.room)
      this.channel.bytes(Type.DATA, 0, this.slot, this.id, chunk.subarray(at, end))
      this.room -= end - at
      at = end
    }
    if (at < chunk.length) this.waiting = { chunk: chunk.subarray(at), done }
    else done()
  }

  _final (done) {
    this.channel.bytes(Type.END, 0, this.slot, this.id)
    done()
  }

  _destroy (error, done) {
    this.waiting = null
    this.over(error, this.writableFinished)
    done(error)
  }

  // What code expects of a net.Socket.
  destroySoon () {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', this.destroy)
  }

  setTimeout (milliseconds, callback) {
    clearTimeout(this.idle)
    this.timeout = milliseconds
    if (callback) milliseconds > 0 ? this.once('timeout', callback) : this.removeListener('timeout', callback)
    if (milliseconds > 0) this.idle = setTimeout(() => this.emit('timeout'), milliseconds).unref()
    return this
  }

  address () { return { address: this.localAddress, port: this.localPort, family: 'IPv4' } }
  setNoDelay () { return this }
  setKeepAlive () { return this }
  ref () { return this }
  unref () { return this }
}

function number (value) {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32LE(value)
  return bytes
}

module.exports = { Connection }
