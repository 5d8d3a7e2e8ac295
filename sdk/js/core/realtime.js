'use strict'

const { CloudError, failure, wireError } = require('./errors')

const PING = 25e3 // silence after which the server is asked whether it is there
const PONG = 10e3 // and how long it may take to answer
const LONGEST = 30e3 // between two attempts to connect
const EARLY = 50e3 // before it expires, a token is renewed

// The login has ended or was never good; a new token may help.
const credentials = new Set(['token_missing', 'token_expired', 'token_invalid', 'session_revoked'])

/**
 * Opens a WebSocket of the platform.
 * @callback Connect
 * @param {string} url
 * @param {{open: function(): void, message: function(string): void, close: function(): void}} events close is last, and once
 * @returns {{send: function(string): void, close: function(): void}}
 */

/** The one connection on which all watches of a client live. It is open while there are watches. */
class Realtime {
  /**
   * @param {object} options
   * @param {string} options.app
   * @param {string} options.endpoint
   * @param {function(string=): Promise<(string|undefined)>} options.token as of Client
   * @param {Connect} options.connect
   * @param {function(function(): void): void} [options.onWake] calls its argument when the network or the user comes back
   * @param {function(): number} [options.random]
   */
  constructor ({ app, endpoint, token, connect, onWake, random = Math.random }) {
    Object.assign(this, { token, connect, onWake, random })
    this.url = `${endpoint.replace(/^http/, 'ws')}/v1/apps/${encodeURIComponent(app)}/watch`
    this.watches = new Map() // id -> watch
    this.serial = 0
    this.attempts = 0
    this.socket = null
    this.ready = false
    this.opening = false
    this.refused = undefined // a token that the server did not accept
    this.timers = {}
  }

  /**
   * @param {object} query collection, filter, sort, limit in wire form
   * @param {{event: function(object): void, end: function(CloudError): void}} listener
   * @returns {function(): void} ends it
   */
  watch (query, listener) {
    if (this.serial === 0 && this.onWake) this.onWake(() => this.wake())
    const id = String(++this.serial)
    this.watches.set(id, { query, listener, resume: undefined })
    if (this.ready) this.begin(id)
    else this.open()
    return () => this.unwatch(id)
  }

  unwatch (id) {
    if (!this.watches.delete(id)) return
    if (this.watches.size === 0) this.shut()
    else if (this.ready) this.send({ type: 'unwatch', id })
  }

  begin (id) {
    const { query, resume } = this.watches.get(id)
    this.send({ ...query, type: 'watch', id, resume })
  }

  async open () {
    if (this.socket || this.opening || this.watches.size === 0) return
    this.opening = true
    clearTimeout(this.timers.retry)
    try {
      const token = await this.token(this.refused)
      if (token === undefined || token === this.refused) return this.endAll({ reason: 'token_missing', message: 'nobody is signed in' })
      this.refused = undefined
      if (this.watches.size > 0) this.join(token)
    } catch (error) {
      const wire = wireError(error)
      if (wire && wire.code === 'unauthenticated') this.endAll(wire)
      else this.retry()
    } finally {
      this.opening = false
    }
  }

  join (token) {
    let over = false
    const mine = work => argument => { if (!over) work(argument) }
    this.socket = this.connect(this.url, {
      open: mine(() => this.send({ type: 'auth', token })),
      message: mine(text => { this.hear(text, token) }),
      close: mine(() => { over = true; this.lost() })
    })
    this.listen()
  }

  /** Gives the server time to be heard; asks once, then connects anew. */
  listen () {
    clearTimeout(this.timers.silence)
    this.timers.silence = setTimeout(() => {
      if (this.ready) this.send({ type: 'ping' })
      this.timers.silence = setTimeout(() => this.drop(), PONG)
    }, PING)
  }

  send (message) {
    if (this.socket) this.socket.send(JSON.stringify(message))
  }

  hear (text, token) {
    this.listen()
    const message = JSON.parse(text)
    const watch = this.watches.get(message.id)
    switch (message.type) {
      case 'ready':
        this.attempts = 0
        this.renewal(message.expiresIn)
        if (this.ready) break // it was a renewal
        this.ready = true
        for (const id of this.watches.keys()) this.begin(id)
        break
      case 'snapshot':
      case 'changes':
      case 'position':
        if (!watch) break // ended meanwhile
        watch.resume = message.resume
        if (message.type !== 'position') watch.listener.event(message)
        break
      case 'error':
        if (watch) this.end(message.id, message.error)
        else if (message.id === undefined && credentials.has(message.error.reason)) this.refused = token
        break
    }
  }

  renewal (expiresIn) {
    clearTimeout(this.timers.renewal)
    if (!expiresIn) return
    this.timers.renewal = setTimeout(() => {
      this.token().then(token => { if (token && this.ready) this.send({ type: 'auth', token }) }, () => {})
    }, Math.min(Math.max(expiresIn * 1000 - EARLY, 1000), 0x7fffffff))
  }

  /** The connection is gone: another one goes on where this one was. */
  lost () {
    this.forget()
    this.retry()
  }

  forget () {
    this.socket = null
    this.ready = false
    clearTimeout(this.timers.silence)
    clearTimeout(this.timers.renewal)
  }

  drop () {
    const { socket } = this
    if (!socket) return
    this.forget()
    socket.close()
    this.retry()
  }

  retry () {
    if (this.watches.size === 0) return
    // At random, so that the clients of a server that was away do not come back all at once.
    const longest = Math.min(LONGEST, 500 * 2 ** Math.min(this.attempts++, 10))
    clearTimeout(this.timers.retry)
    this.timers.retry = setTimeout(() => this.open(), longest * (0.2 + 0.8 * this.random()))
  }

  /** The network may be back: nobody wants to wait for the next attempt. */
  wake () {
    this.attempts = 0
    if (this.watches.size === 0) return
    if (!this.socket) return this.open()
    if (this.ready) this.send({ type: 'ping' })
    clearTimeout(this.timers.silence)
    this.timers.silence = setTimeout(() => this.drop(), PONG)
  }

  shut () {
    clearTimeout(this.timers.retry)
    const { socket } = this
    this.forget()
    if (socket) socket.close()
  }

  end (id, error) {
    const watch = this.watches.get(id)
    this.unwatch(id)
    watch.listener.end(error instanceof CloudError ? error : failure('watch', error))
  }

  endAll (error) {
    for (const id of [...this.watches.keys()]) this.end(id, error)
  }
}

module.exports = { Realtime }
