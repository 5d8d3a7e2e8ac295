'use strict'
/* global wx */

const { run } = require('../core/run')
const { wxDialect } = require('../core/dialect-wx')
const { requireOk } = require('../core/client')
const { requireString } = require('../core/files')
const { local } = require('../core/errors')
const { lost } = require('../core/http')

/**
 * Sends a local file. The bytes go by PUT to the granted address, which may be an object store.
 * @param {object} cloud
 * @param {{cloudPath: string, filePath: string}} options and success, fail, complete, onProgressUpdate
 */
function upload (cloud, options, readFile) {
  const task = new Task(options)
  return task.promise('cloud.uploadFile', async ({ cloudPath, filePath }) => {
    const client = cloud.ready('uploadFile')
    const data = await readFile(requireString('uploadFile', 'filePath', filePath))
    const total = data.byteLength
    task.progress({ totalBytesSent: 0, totalBytesExpectedToSend: total })
    const grant = await client.grantUpload(cloudPath, total)
    const { statusCode, data: text } = await task.start(callbacks => wx.request({
      method: grant.method || 'PUT', url: grant.url, header: grant.headers, data, dataType: 'text', responseType: 'text', ...callbacks
    }))
    requireOk('uploadFile', statusCode, text)
    task.progress({ totalBytesSent: total, totalBytesExpectedToSend: total })
    return { fileId: grant.fileId, statusCode }
  })
}

/**
 * Fetches a stored file into a temporary local one.
 * @param {{fileID: string}} options and success, fail, complete, onProgressUpdate
 */
function download (cloud, options) {
  const task = new Task(options)
  return task.promise('cloud.downloadFile', async ({ fileID }) => {
    const url = await cloud.ready('downloadFile').address(fileID)
    const { statusCode, tempFilePath } = await task.start(callbacks => {
      const native = wx.downloadFile({ url, ...callbacks })
      if (native && typeof native.onProgressUpdate === 'function') native.onProgressUpdate(progress => task.progress(progress))
      return native
    })
    requireOk('downloadFile', statusCode, '')
    return { tempFilePath, statusCode }
  })
}

/** A transfer that can be watched and stopped; the promise of the call carries its methods. */
class Task {
  constructor (options) {
    this.options = options || {}
    this.listeners = new Set()
    this.native = null
    this.aborted = false
    if (typeof this.options.onProgressUpdate === 'function') this.listeners.add(this.options.onProgressUpdate)
  }

  promise (api, work) {
    const promise = run(wxDialect(), api, this.options, () => work(this.options))
    return Object.assign(promise, {
      abort: () => this.abort(),
      onProgressUpdate: listener => { this.listeners.add(listener) },
      offProgressUpdate: listener => { listener ? this.listeners.delete(listener) : this.listeners.clear() },
      onHeadersReceived () {},
      offHeadersReceived () {}
    })
  }

  /** Starts the native transfer unless the task was aborted before it came to that. */
  start (begin) {
    if (this.aborted) throw local('transfer', 'abort')
    return new Promise((resolve, reject) => {
      this.native = begin({ success: resolve, fail: error => reject(lost(error.errMsg || 'the transfer failed', true)) })
    })
  }

  abort () {
    this.aborted = true
    if (this.native && typeof this.native.abort === 'function') this.native.abort()
  }

  progress (event) {
    const [done, total] = event.totalBytesExpectedToWrite === undefined
      ? [event.totalBytesSent, event.totalBytesExpectedToSend]
      : [event.totalBytesWritten, event.totalBytesExpectedToWrite]
    const percent = event.progress === undefined ? (total > 0 ? Math.floor(done / total * 100) : 0) : event.progress
    for (const listener of [...this.listeners]) listener({ ...event, progress: percent })
  }
}

module.exports = { upload, download }
