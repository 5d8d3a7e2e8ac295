'use strict'

const { wireError } = require('./errors')
const { randomKey } = require('./random')
const { persist } = require('./retry')

// Renewed this long before it expires, so that a token never runs out on its way to the server.
const MARGIN = 60e3

/**
 * Where tokens stay between starts.
 * @typedef {object} Store
 * @property {function(): (string|null|undefined)} get
 * @property {function(string): void} set
 * @property {function(): void} remove
 */

/** The login of one user: keeps tokens, renews them in time, and lets concurrent calls share one renewal. */
class Session {
  /**
   * @param {object} options
   * @param {import('./http').Http} options.http
   * @param {string} options.app
   * @param {Store} options.store
   * @param {function(): Promise<{provider: string, credential: object}>} [options.login] signs in unasked when there is no session
   * @param {function(function(): Promise): Promise} [options.exclusive] runs a renewal while no other tab does
   * @param {function(): number} [options.now] milliseconds
   * @param {number} [options.retries] further attempts of a renewal
   */
  constructor ({ http, app, store, login, exclusive = work => work(), now = Date.now, retries = 2 }) {
    Object.assign(this, { http, store, login, exclusive, now })
    this.patience = { timeout: http.timeout, retries }
    this.base = `/v1/apps/${encodeURIComponent(app)}/auth`
    this.pending = null
    this.listeners = new Set()
    this.tokens = this.stored()
  }

  get user () {
    return this.tokens ? this.tokens.user : null
  }

  /**
   * The access token to send now; undefined if nobody is signed in.
   * @param {string} [refused] a token that the server did not accept although it looked valid
   */
  async token (refused) {
    if (this.usable(refused)) return this.tokens.accessToken
    if (!this.tokens && !this.login) return undefined
    if (!this.pending) this.pending = this.renew(refused).finally(() => { this.pending = null })
    try {
      await this.pending
    } catch (error) {
      // The server is out of reach, and what there is still works for a moment.
      if (refused === undefined && this.tokens && this.now() < this.tokens.expiresAt) return this.tokens.accessToken
      throw error
    }
    return this.tokens ? this.tokens.accessToken : undefined
  }

  usable (refused) {
    const { tokens } = this
    if (!tokens || tokens.accessToken === refused) return false
    return this.now() < tokens.expiresAt - Math.min(MARGIN, tokens.lifetime / 2)
  }

  renew (refused) {
    return this.exclusive(async () => {
      const stored = this.stored() // another tab may have renewed already
      if (stored && (!this.tokens || stored.refreshToken !== this.tokens.refreshToken)) this.tokens = stored
      if (this.usable(refused)) return
      if (this.tokens && await this.refresh()) return
      if (this.login) {
        const { provider, credential } = await this.login()
        await this.signIn(provider, credential)
      }
    })
  }

  /**
   * A refresh token is good for one exchange. So that a reply that is lost does not cost the session, the exchange has a
   * name, kept from before it is first sent: the server answers the same one again.
   * @returns {Promise<boolean>} false if the session has ended and only a new login helps
   */
  async refresh () {
    if (!this.tokens.attempt) {
      this.tokens.attempt = randomKey()
      this.store.set(JSON.stringify(this.tokens))
    }
    const { refreshToken, attempt, user } = this.tokens
    try {
      const { reply } = await persist(this.patience, true, timeout => this.http.json('POST', `${this.base}/refresh`, { refreshToken, attempt }, undefined, { timeout }))
      this.keep({ user, ...reply })
      return true
    } catch (error) {
      const wire = wireError(error)
      if (!wire || wire.code !== 'unauthenticated') throw error // not reachable just now: the session stays
      this.forget()
      return false
    }
  }

  /**
   * @param {string} provider anonymous, password, wechat, or one that the server was configured with
   * @param {object} credential
   * @returns {Promise<object>} the user
   */
  async signIn (provider, credential) {
    const { reply } = await this.http.json('POST', `${this.base}/${encodeURIComponent(provider)}`, credential)
    this.keep(reply)
    return this.user
  }

  /** Ends the session on the server, and here in any case. */
  async signOut () {
    const { tokens } = this
    this.forget()
    if (tokens) await this.http.json('POST', `${this.base}/logout`, {}, tokens.accessToken)
  }

  /** @returns {function(): void} stops listening */
  onChange (listener) {
    this.listeners.add(listener)
    return () => { this.listeners.delete(listener) }
  }

  keep ({ accessToken, refreshToken, expiresIn, user }) {
    const lifetime = expiresIn * 1000
    const before = this.user
    this.tokens = { accessToken, refreshToken, lifetime, expiresAt: this.now() + lifetime, user }
    this.store.set(JSON.stringify(this.tokens))
    if (!before || !user || before.id !== user.id) this.tell()
  }

  forget () {
    const had = this.tokens !== null
    this.tokens = null
    this.store.remove()
    if (had) this.tell()
  }

  tell () {
    for (const listener of [...this.listeners]) listener(this.user)
  }

  stored () {
    try {
      const tokens = JSON.parse(this.store.get() || 'null')
      return tokens && typeof tokens.accessToken === 'string' && typeof tokens.expiresAt === 'number' ? tokens : null
    } catch (e) { // unreadable storage is no session
      return null
    }
  }
}

module.exports = { Session }
