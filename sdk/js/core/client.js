'use strict'

const { Database } = require('./database')
const { wxDialect } = require('./dialect-wx')
const { route } = require('./routes')
const { run } = require('./run')
const { persist } = require('./retry')
const { randomKey } = require('./random')
const { Realtime } = require('./realtime')
const { containerRequest, containerReply } = require('./container')
const { fileRequests, requireString } = require('./files')
const { DATA_MODELS, serveModels } = require('./models')
const { wireError, local, unsupported } = require('./errors')

const expired = new Set(['token_expired', 'token_invalid', 'session_revoked'])

// Carrying these out twice is as good as once.
const REPEATABLE = new Set([
  'documents.find', 'documents.get', 'documents.count', 'documents.aggregate', 'documents.begin', 'documents.abort',
  'collections.list', 'files.urls', 'files.grantUpload', 'auth.me'
])
// These get a key each, under which the server carries them out once however often they arrive.
const KEYED = new Set(['documents.insert', 'documents.update', 'documents.findAndUpdate', 'documents.delete', 'documents.commit', 'files.delete'])

/** What every client of the HTTP surface can do, whatever sends its requests and wherever its token comes from. */
class Client {
  /**
   * @param {object} options
   * @param {string} options.app
   * @param {import('./http').Http} options.http
   * @param {function(string=): Promise<(string|undefined)>} options.token the bearer token; given a refused one, a newer
   * @param {number} options.defaultLimit documents that get() asks for without limit()
   * @param {string} [options.prefix] of API names in results and errors
   * @param {import('./realtime').Connect} options.connect opens sockets for watches
   * @param {function(function(): void): void} [options.onWake] see Realtime
   * @param {number} [options.retries] further attempts after one that failed, 2 unless given
   * @param {function(*): *} [options.prepare] makes of a function's arguments what can travel
   */
  constructor ({ app, http, token, defaultLimit, prefix = '', connect, onWake, retries = 2, prepare = data => data }) {
    Object.assign(this, { app, http, token, defaultLimit, prefix })
    Object.defineProperty(this, 'prepare', { value: prepare })
    this.patience = { timeout: http.timeout, retries }
    Object.defineProperty(this, 'realtime', { value: new Realtime({ app, endpoint: http.endpoint, token, connect, onWake }) })
    this.call = this.call.bind(this)
  }

  /** Runs an operation; renews the login once if the server finds it expired. */
  async call (operation, request) {
    return (await this.exchange(operation, request)).reply
  }

  /**
   * @param {string} operation
   * @param {object} request
   * @param {{timeout: (number|undefined), key: (string|undefined)}} [options]
   */
  exchange (operation, request, { timeout, key } = {}) {
    const { method, path, body } = route(this.app, operation, request)
    if (KEYED.has(operation) && request.transaction === undefined) key = randomKey()
    else if (operation === 'documents.commit') key = request.transaction
    const patience = timeout ? { ...this.patience, timeout } : this.patience
    return persist(patience, REPEATABLE.has(operation) || key !== undefined, left =>
      this.authorized(token => this.http.json(method, path, body, token, { timeout: left, key })))
  }

  /** Sends with the token of the moment, and once more with a newer one if the server finds that expired. */
  async authorized (send) {
    const token = await this.token()
    try {
      return await send(token)
    } catch (error) {
      const wire = wireError(error)
      if (!token || !wire || !expired.has(wire.reason)) throw error
      const renewed = await this.token(token)
      if (!renewed || renewed === token) throw error
      return send(renewed)
    }
  }

  /** @param {{throwOnNotFound: boolean}} [options] */
  database (options) {
    const { throwOnNotFound } = Object(options)
    return new Database({ call: this.call, dialect: wxDialect({ throwOnNotFound }), defaultLimit: this.defaultLimit, config: { env: this.app }, realtime: this.realtime })
  }

  /** Runs one API call in the shapes of wx.cloud; callbacks among the options are served. */
  api (name, options, work) {
    return run(wxDialect(), this.prefix + name, options, () => work(options || {}))
  }

  /**
   * @param {{name: string, data: object, timeout: number, idempotencyKey: string}} options with a key of its own the call
   *   is tried again when its reply was lost, and the function runs once
   */
  callFunction (options) {
    return this.api('callFunction', options, async ({ name, data, timeout, idempotencyKey }) => {
      requireString('callFunction', 'name', name)
      if (idempotencyKey !== undefined) requireString('callFunction', 'idempotencyKey', idempotencyKey)
      const event = await this.prepare(data === undefined ? {} : data)
      const { reply, requestId } = await this.exchange('functions.invoke', { name, data: event }, { timeout, key: idempotencyKey }).catch(async error => {
        const wire = wireError(error)
        if (name !== DATA_MODELS || !wire || wire.reason !== 'function_not_found') throw error
        const reply = await serveModels({ call: this.call, requestId: () => wire.requestId || '' }, event)
        return { reply, requestId: reply.requestId }
      })
      return { result: reply === undefined ? null : reply, requestId }
    })
  }

  /** Sends a request to an HTTP function of the app; see container.js. */
  callContainer (options) {
    return this.api('callContainer', options, async options => {
      if (!this.http.transfer) throw unsupported('callContainer')
      const request = containerRequest(this.app, options)
      const send = left => this.authorized(async token => containerReply(options, await this.http.transfer({
        ...request, url: this.http.endpoint + request.path, timeout: left, headers: token ? { authorization: `Bearer ${token}`, ...request.headers } : request.headers
      })))
      return persist({ ...this.patience, timeout: options.timeout || this.patience.timeout }, request.method === 'GET' || request.method === 'HEAD', send)
    })
  }

  getTempFileURL (options) {
    return this.api('getTempFileURL', options, async ({ fileList }) => {
      const { files } = await this.call('files.urls', { files: fileRequests('getTempFileURL', fileList) })
      return { files: files.map(file => file.url ? { ...file, url: this.http.absolute(file.url) } : file) }
    })
  }

  deleteFile (options) {
    return this.api('deleteFile', options, ({ fileList }) =>
      this.call('files.delete', { fileIds: fileRequests('deleteFile', fileList).map(file => file.fileId) }))
  }

  /** Permission and address for one upload. */
  async grantUpload (cloudPath, size, contentType) {
    const path = requireString('uploadFile', 'cloudPath', cloudPath).replace(/^\/+/, '')
    const request = { path, size }
    if (contentType) request.contentType = contentType
    const grant = await this.call('files.grantUpload', request)
    return { ...grant, url: this.http.absolute(grant.url), headers: grant.headers || {} }
  }

  /** A temporary address of one file; rejects with the file's own error if there is none. */
  async address (fileID) {
    const { files: [file] } = await this.call('files.urls', { files: [{ fileId: requireString('downloadFile', 'fileID', fileID) }] })
    if (file.error) throw file.error
    return this.http.absolute(file.url)
  }
}

/** Rejects unless bytes were taken or given. */
function requireOk (api, status, text) {
  if (status >= 200 && status < 300) return
  const envelope = errorIn(text)
  throw envelope || local(api, `the file server answered ${status}`)
}

function errorIn (text) {
  try {
    return wireError(JSON.parse(text))
  } catch (e) { // an object store answers in its own words
    return undefined
  }
}

module.exports = { Client, requireOk }
