'use strict'
/* global localStorage, location, addEventListener */

const { Http, lost } = require('../core/http')
const { Session } = require('../core/session')
const { Client, requireOk } = require('../core/client')
const { CloudError, failure, local } = require('../core/errors')
const { fetchSend, fetchTransfer } = require('../core/fetch')
const { standardSockets } = require('../core/websocket')
const { put } = require('./upload')

const DEFAULT_LIMIT = 100
const DEADLINE = 60e3 // milliseconds for one call with all its attempts

/** One app as seen from a browser. */
class App extends Client {
  /** @param {object} options see init */
  constructor ({ app, endpoint = pageOrigin(), timeout = DEADLINE, retries, storage = browserStorage() }) {
    if (typeof app !== 'string' || app === '') throw local('init', 'app must be the ID of your app')
    const http = new Http({ endpoint, send: fetchSend, transfer: fetchTransfer, timeout })
    const key = `yunduo:${http.endpoint}:${app}`
    const session = new Session({ http, app, store: storeIn(storage, key), exclusive: acrossTabs(key), retries })
    super({ app, http, retries, token: refused => session.token(refused), defaultLimit: DEFAULT_LIMIT, connect: standardSockets(() => WebSocket), onWake })
    this.auth = new Auth(session)
  }

  /**
   * @param {object} options
   * @param {string} options.cloudPath
   * @param {Blob} options.file also accepted as filePath or fileContent
   * @param {function({loaded: number, total: number}): void} [options.onUploadProgress]
   * @param {AbortSignal} [options.signal]
   */
  uploadFile (options) {
    return this.api('uploadFile', options, async ({ cloudPath, file, filePath, fileContent, onUploadProgress, signal }) => {
      const blob = file || filePath || fileContent
      if (!blob || typeof blob.size !== 'number') throw local('uploadFile', 'parameter.file should be a Blob or File')
      const grant = await this.grantUpload(cloudPath, blob.size, blob.type)
      const { status, text } = await put(grant, blob, { onProgress: onUploadProgress, signal })
      requireOk('uploadFile', status, text)
      return { fileId: grant.fileId, statusCode: status }
    })
  }

  /** @returns {Promise<{fileContent: Blob, statusCode: number}>} */
  downloadFile (options) {
    return this.api('downloadFile', options, async ({ fileID, signal }) => {
      const url = await this.address(fileID)
      const response = await fetch(url, { signal }).catch(error => { throw lost(`request:fail ${error.message}`, true) })
      requireOk('downloadFile', response.status, response.ok ? '' : await response.text())
      return { fileContent: await response.blob(), statusCode: response.status }
    })
  }
}

/** Who is signed in. */
class Auth {
  constructor (session) {
    Object.defineProperty(this, 'session', { value: session })
  }

  /** @returns {object|null} {id, openId, username, provider, ...} */
  get currentUser () {
    return this.session.user
  }

  signInAnonymously () {
    return this.signIn('anonymous', {})
  }

  /** @param {{username: string, password: string}} credential */
  signInWithPassword ({ username, password }) {
    return this.signIn('password', { username, password })
  }

  /** @param {string} code the code that WeChat gave the page */
  signInWithWeChatCode (code) {
    return this.signIn('wechat', { code })
  }

  /** @returns {Promise<object>} the user; rejects with login_failed */
  signIn (provider, credential) {
    return this.session.signIn(provider, credential).catch(error => { throw named(error) })
  }

  signOut () {
    return this.session.signOut().catch(error => { throw named(error) })
  }

  /** The access token for requests of your own, renewed if need be; undefined if nobody is signed in. */
  getAccessToken () {
    return this.session.token()
  }

  /**
   * Calls `listener` with the user (or null) now and after every change.
   * @returns {function(): void} stops it
   */
  onAuthChange (listener) {
    listener(this.session.user)
    return this.session.onChange(listener)
  }
}

const named = error => failure('auth', error)

/** One renewal at a time over all tabs, where the browser can say so: a refresh token works once. */
function acrossTabs (key) {
  const locks = typeof navigator !== 'undefined' && navigator.locks
  return locks ? work => locks.request(key, work) : undefined
}

function storeIn (storage, key) {
  return {
    get: () => storage.getItem(key),
    set: text => storage.setItem(key, text),
    remove: () => storage.removeItem(key)
  }
}

/** localStorage; memory where the browser forbids it. */
function browserStorage () {
  try {
    localStorage.setItem('yunduo:probe', '')
    localStorage.removeItem('yunduo:probe')
    return localStorage
  } catch (e) {
    const items = new Map()
    return { getItem: key => items.get(key), setItem: (key, text) => items.set(key, text), removeItem: key => items.delete(key) }
  }
}

/** Pages that sleep or lose the network find out late that a connection is gone. */
function onWake (listener) {
  if (typeof addEventListener === 'undefined') return
  addEventListener('online', listener)
  addEventListener('pageshow', listener)
}

function pageOrigin () {
  return typeof location === 'undefined' ? undefined : location.origin
}

/**
 * @param {object} options
 * @param {string} options.app the app's ID (`env` is understood too)
 * @param {string} [options.endpoint] address of the server; the page's own origin unless given
 * @param {number} [options.timeout] milliseconds for one call with all its attempts, 60,000 unless given
 * @param {number} [options.retries] further attempts after one that failed, 2 unless given
 * @param {Storage} [options.storage] where tokens stay; localStorage unless given
 */
function init ({ env, app = env, ...options }) {
  return new App({ app, ...options })
}

module.exports = { init, CloudError }
