'use strict'

const { Database } = require('./database')
const { wxDialect } = require('./dialect-wx')
const { route } = require('./routes')
const { run } = require('./run')
const { Realtime } = require('./realtime')
const { fileRequests, requireString } = require('./files')
const { wireError, local } = require('./errors')

const expired = new Set(['token_expired', 'token_invalid', 'session_revoked'])

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
   */
  constructor ({ app, http, token, defaultLimit, prefix = '', connect, onWake }) {
    Object.assign(this, { app, http, token, defaultLimit, prefix })
    Object.defineProperty(this, 'realtime', { value: new Realtime({ app, endpoint: http.endpoint, token, connect, onWake }) })
    this.call = this.call.bind(this)
  }

  /** Runs an operation; renews the login once if the server finds it expired. */
  async call (operation, request) {
    return (await this.exchange(operation, request)).reply
  }

  async exchange (operation, request) {
    const { method, path, body } = route(this.app, operation, request)
    const token = await this.token()
    try {
      return await this.http.json(method, path, body, token)
    } catch (error) {
      const wire = wireError(error)
      if (!token || !wire || !expired.has(wire.reason)) throw error
      const renewed = await this.token(token)
      if (!renewed || renewed === token) throw error
      return this.http.json(method, path, body, renewed)
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

  callFunction (options) {
    return this.api('callFunction', options, async ({ name, data }) => {
      requireString('callFunction', 'name', name)
      const { reply, requestId } = await this.exchange('functions.invoke', { name, data: data === undefined ? {} : data })
      return { result: reply === undefined ? null : reply, requestId }
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
