'use strict'

const { local } = require('./errors')
const { isNested } = require('./ejson')
const { wxAddress, wxDeleted } = require('./files')

// Results and arguments of wx.cloud and wx-server-sdk.
const shapes = {
  'collection.get': r => ({ data: r.documents }),
  'collection.count': r => ({ total: r.total }),
  'collection.add': r => r.many ? { _ids: r.ids } : { _id: r.ids[0] },
  'collection.update': r => ({ stats: { updated: r.modified } }),
  'collection.updateAndReturn': r => ({ stats: { updated: r.modified }, data: r.document }),
  'collection.remove': r => ({ stats: { removed: r.deleted } }),
  'collection.aggregate': r => ({ list: r.documents }),
  'document.get': r => ({ data: r.document }),
  'document.update': r => ({ stats: { updated: r.modified } }),
  'document.set': r => ({ _id: r.id, stats: { updated: r.modified, created: isPresent(r.upsertedId) ? 1 : 0 } }),
  'document.remove': r => ({ stats: { removed: r.deleted } }),
  collections: r => ({ collections: r.collections }),
  startTransaction: r => ({ transaction: r.transaction }),
  callFunction: r => ({ result: r.result, requestID: r.requestId }),
  uploadFile: r => ({ fileID: r.fileId, statusCode: r.statusCode || 200 }),
  downloadFile: r => r,
  callContainer: r => r,
  connectContainer: r => r,
  getTempFileURL: r => ({ fileList: r.files.map(wxAddress) }),
  deleteFile: r => ({ fileList: r.files.map(wxDeleted) }),
  getOpenData: r => ({ list: r.list, errCode: 0 }),
  callOpenAPI: r => r
}

const isPresent = id => id !== undefined && id !== null

/**
 * @param {object} [options]
 * @param {boolean} [options.throwOnNotFound] whether doc().get() of a missing document rejects
 */
function wxDialect ({ throwOnNotFound = true } = {}) {
  return {
    reply (api, result) {
      if (api === 'document.get' && result.document === null && throwOnNotFound) {
        throw local(api, `document with _id ${result.id} does not exist`)
      }
      const shape = shapes[api.replace(/^cloud\./, '')]
      return { ...(shape ? shape(result) : {}), errMsg: `${api}:ok` }
    },
    convert: error => error,
    failed (api, error) { throw error },
    settle: withCallbacks,
    documents: options => data('collection.add', options, true),
    replacement: options => data('document.set', options),
    change (options) {
      const change = data('update', options)
      if (Object.keys(change).length === 0) throw local('update', 'options.data must not be empty')
      return change
    }
  }
}

function data (api, options, many) {
  const value = options === null || options === undefined ? undefined : options.data
  if (!isNested(value) && !(many && Array.isArray(value) && value.length > 0)) {
    throw local(api, `parameter.data should be object instead of ${value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value}`)
  }
  return value
}

/**
 * Serves both styles: the promise, and success / fail / complete callbacks among the options.
 * With a callback given, a rejection that nobody awaits is not reported as unhandled.
 */
function withCallbacks (options, promise) {
  const { success, fail, complete } = options || {}
  const use = (callback, value) => { if (typeof callback === 'function') callback(value) }
  if ([success, fail, complete].some(callback => typeof callback === 'function')) {
    promise.then(
      value => { use(success, value); use(complete, value) },
      error => { use(fail, error); use(complete, error) }
    )
  }
  return promise
}

module.exports = { wxDialect, withCallbacks }
