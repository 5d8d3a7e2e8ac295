'use strict'

const { run } = require('../core/run')
const { wxDialect } = require('../core/dialect-wx')
const { requireOk } = require('../core/client')
const { requireString } = require('../core/files')
const { local } = require('../core/errors')
const { lost } = require('../core/http')
const { quiet } = require('./platform')

/**
 * Sends a local file as a form, which the system reads from the disk as it goes and reports on.
 * @param {object} cloud
 * @param {{cloudPath: string, filePath: string, header: object}} options and success, fail, complete, onProgressUpdate;
 *   header may name the content's type
 */
function upload (cloud, options) {
  const task = new Task(options)
  return task.promise('cloud.uploadFile', ({ cloudPath, filePath, header, config }) => {
    const client = cloud.ready('uploadFile', config)
    return uploadPath(client, cloud.platform, task, { cloudPath, filePath, type: contentType(header) })
  })
}

async function uploadPath (client, platform, task, { cloudPath, filePath, type }) {
  const size = await platform.fileSize(requireString('uploadFile', 'filePath', filePath))
  const grant = await client.grantUpload(cloudPath, size, type)
  const { statusCode, data } = await task.start(callbacks => platform.api.uploadFile({
    url: grant.url, filePath, name: 'file', header: grant.headers, ...callbacks
  }))
  requireOk('uploadFile', statusCode, data)
  return { fileId: grant.fileId, statusCode }
}

/** Sends bytes. */
async function uploadBytes (client, platform, { cloudPath, data }) {
  const grant = await client.grantUpload(cloudPath, data.byteLength)
  const { statusCode, data: text } = await platform.request({
    method: grant.method || 'PUT', url: grant.url, header: grant.headers, data, dataType: 'text', responseType: 'text'
  }).catch(error => { throw lost((error && error.errMsg) || 'request:fail', true) })
  requireOk('uploadFile', statusCode, text)
  return { fileId: grant.fileId, statusCode }
}

function contentType (header) {
  for (const name of Object.keys(header || {})) if (name.toLowerCase() === 'content-type') return String(header[name])
  return undefined
}

/**
 * Fetches a stored file into a temporary local one.
 * @param {{fileID: string}} options and success, fail, complete, onProgressUpdate
 */
function download (cloud, options) {
  const task = new Task(options)
  return task.promise('cloud.downloadFile', async ({ fileID, config }) => {
    const url = await cloud.ready('downloadFile', config).address(fileID)
    const { statusCode, tempFilePath } = await task.start(callbacks => cloud.platform.api.downloadFile({ url, ...callbacks }))
    requireOk('downloadFile', statusCode, '')
    return { tempFilePath, statusCode }
  })
}

/** A transfer that can be watched and stopped; the promise of the call carries its methods. */
class Task {
  constructor (options) {
    this.options = options || {}
    this.listeners = { progress: new Set(), headers: new Set() }
    this.native = null
    this.aborted = false
    if (typeof this.options.onProgressUpdate === 'function') this.listeners.progress.add(this.options.onProgressUpdate)
  }

  promise (api, work) {
    const promise = run(wxDialect(), api, this.options, () => work(this.options))
    const on = listeners => listener => { listeners.add(listener) }
    const off = listeners => listener => { listener ? listeners.delete(listener) : listeners.clear() }
    return Object.assign(promise, {
      abort: () => this.abort(),
      onProgressUpdate: on(this.listeners.progress),
      offProgressUpdate: off(this.listeners.progress),
      onHeadersReceived: on(this.listeners.headers),
      offHeadersReceived: off(this.listeners.headers)
    })
  }

  /** Starts the native transfer unless the task was aborted before it came to that. */
  start (begin) {
    if (this.aborted) throw local('transfer', 'abort')
    return new Promise((resolve, reject) => {
      const native = quiet(begin({ success: resolve, fail: error => reject(lost((error && error.errMsg) || 'the transfer failed', true)) }))
      this.native = native
      if (!native) return
      if (typeof native.onProgressUpdate === 'function') native.onProgressUpdate(progress => this.progress(progress))
      if (typeof native.onHeadersReceived === 'function') native.onHeadersReceived(headers => this.tell('headers', headers))
    })
  }

  abort () {
    this.aborted = true
    if (this.native && typeof this.native.abort === 'function') this.native.abort()
  }

  tell (what, event) {
    for (const listener of [...this.listeners[what]]) listener(event)
  }

  progress (event) {
    const [done, total] = event.totalBytesExpectedToWrite === undefined
      ? [event.totalBytesSent, event.totalBytesExpectedToSend]
      : [event.totalBytesWritten, event.totalBytesExpectedToWrite]
    const percent = event.progress === undefined ? (total > 0 ? Math.floor(done / total * 100) : 0) : event.progress
    this.tell('progress', { ...event, progress: percent })
  }
}

module.exports = { upload, download, uploadPath, uploadBytes, Task }
