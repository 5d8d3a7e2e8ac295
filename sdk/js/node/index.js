'use strict'

const { Http, lost } = require('../core/http')
const { Client, requireOk } = require('../core/client')
const { CloudError, local } = require('../core/errors')
const { fetchSend, fetchTransfer } = require('../core/fetch')
const { standardSockets } = require('../core/websocket')

const DEFAULT_LIMIT = 100
const DEADLINE = 60e3 // milliseconds for one call with all its attempts

/** One app as seen from a server that holds an API key: nothing is hidden from it by security rules. */
class App extends Client {
  constructor ({ app, endpoint, apiKey, timeout = DEADLINE, retries }) {
    if (typeof app !== 'string' || app === '') throw local('init', 'app must be the ID of your app')
    if (typeof apiKey !== 'string' || apiKey === '') throw local('init', 'apiKey must be a key of the app')
    const http = new Http({ endpoint, send: fetchSend, transfer: fetchTransfer, timeout })
    super({ app, http, retries, token: async () => apiKey, defaultLimit: DEFAULT_LIMIT, connect: standardSockets(socketClass) })
  }

  /**
   * @param {object} options
   * @param {string} options.cloudPath
   * @param {Buffer|Uint8Array|string|Blob|import('stream').Readable} options.fileContent
   * @param {string} [options.contentType]
   */
  uploadFile (options) {
    return this.api('uploadFile', options, async ({ cloudPath, fileContent, contentType }) => {
      const body = await bodyOf(fileContent)
      const grant = await this.grantUpload(cloudPath, body.size, contentType || body.type)
      const response = await fetch(grant.url, { method: grant.method || 'PUT', headers: grant.headers, body })
        .catch(error => { throw lost(`request:fail ${error.message}`, true) })
      requireOk('uploadFile', response.status, await response.text())
      return { fileId: grant.fileId, statusCode: response.status }
    })
  }

  /** @returns {Promise<{fileContent: Buffer, statusCode: number}>} */
  downloadFile (options) {
    return this.api('downloadFile', options, async ({ fileID }) => {
      const response = await fetch(await this.address(fileID)).catch(error => { throw lost(`request:fail ${error.message}`, true) })
      requireOk('downloadFile', response.status, response.ok ? '' : await response.text())
      return { fileContent: Buffer.from(await response.arrayBuffer()), statusCode: response.status }
    })
  }
}

/** Node.js has WebSocket from version 22 on; before, the package ws has it. */
function socketClass () {
  if (typeof WebSocket !== 'undefined') return WebSocket
  try {
    return require('ws')
  } catch (error) {
    throw local('watch', 'this version of Node.js has no WebSocket: install the package ws')
  }
}

/** The size must be known before the upload is granted, so a stream is collected first. */
async function bodyOf (content) {
  if (content instanceof Blob) return content
  if (typeof content === 'string' || ArrayBuffer.isView(content) || content instanceof ArrayBuffer) return new Blob([content])
  if (content && typeof content[Symbol.asyncIterator] === 'function') {
    const parts = []
    for await (const part of content) parts.push(part)
    return new Blob(parts)
  }
  throw local('uploadFile', 'parameter.fileContent should be a Buffer, a string, a Blob or a readable stream')
}

/**
 * @param {object} options
 * @param {string} options.app the app's ID (`env` is understood too)
 * @param {string} options.endpoint address of the server
 * @param {string} options.apiKey
 * @param {number} [options.timeout] milliseconds for one call with all its attempts, 60,000 unless given
 * @param {number} [options.retries] further attempts after one that failed, 2 unless given
 */
function init ({ env, app = env, ...options }) {
  return new App({ app, ...options })
}

module.exports = { init, CloudError }
