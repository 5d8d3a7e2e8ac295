'use strict'

const { CloudError, errCodeOf } = require('./errors')

// Arguments, results and errors of @cloudbase/node-sdk and tcb-admin-node.
const shapes = {
  'collection.get': r => ({ data: r.documents }),
  'collection.count': r => ({ total: r.total }),
  'collection.add': added,
  'collection.update': r => ({ updated: r.modified }),
  'collection.updateAndReturn': r => ({ updated: r.modified, doc: r.document }),
  'collection.remove': r => ({ deleted: r.deleted }),
  'collection.aggregate': r => ({ data: r.documents }),
  'document.get': r => ({ data: inTransaction(r) ? r.document : r.document === null ? [] : [r.document] }),
  'document.update': r => ({ updated: r.modified }),
  'document.set': replaced,
  'document.remove': r => ({ deleted: r.deleted }),
  collections: r => ({ collections: r.collections }),
  createCollection: () => ({ data: {} }),
  startTransaction: r => ({ transaction: r.transaction }),
  callFunction: r => ({ result: r.result }),
  uploadFile: r => ({ fileID: r.fileId }),
  downloadFile: r => ({ fileContent: r.fileContent, message: '' }),
  getTempFileURL: r => ({ fileList: r.files.map(f => ({ fileID: f.fileId, tempFileURL: f.url || '', maxAge: f.maxAge, code: fileCode(f) })) }),
  deleteFile: r => ({ fileList: r.files.map(f => ({ fileID: f.fileId, code: fileCode(f) })) }),
  callWxOpenApi: r => r
}

const inTransaction = ({ session }) => session._id !== undefined

function added (r) {
  if (inTransaction(r)) return { inserted: r.ids.length, ok: 1, ...(r.many ? { ids: r.ids } : { id: r.ids[0] }) }
  return r.many ? { ids: r.ids } : { id: r.ids[0] }
}

function replaced (r) {
  const created = r.upsertedId !== undefined && r.upsertedId !== null
  if (inTransaction(r)) return { updated: r.modified, upserted: created ? [{ _id: r.upsertedId }] : null }
  return created ? { updated: r.modified, upsertedId: r.upsertedId } : { updated: r.modified }
}

const codes = {
  [-501001]: 'SYS_ERR',
  [-501002]: 'SERVER_TIMEOUT',
  [-501003]: 'EXCEED_REQUEST_LIMIT',
  [-501004]: 'EXCEED_CONCURRENT_REQUEST_LIMIT',
  [-501005]: 'INVALIID_ENV',
  [-501006]: 'INVALID_COMMON_PARAM',
  [-501007]: 'INVALID_PARAM',
  [-501008]: 'INVALID_REQUEST_SOURCE',
  [-502001]: 'DATABASE_REQUEST_FAILED',
  [-502002]: 'DATABASE_INVALID_OPERRATOR',
  [-502003]: 'DATABASE_PERMISSION_DENIED',
  [-502004]: 'DATABASE_COLLECTION_EXCEED_LIMIT',
  [-502005]: 'DATABASE_COLLECTION_NOT_EXIST',
  [-503001]: 'STORAGE_REQUEST_FAIL',
  [-503002]: 'STORAGE_EXCEED_AUTHORITY',
  [-503003]: 'STORAGE_FILE_NONEXIST',
  [-503004]: 'STORAGE_SIGN_PARAM_INVALID',
  [-504001]: 'FUNCTIONS_REQUEST_FAIL',
  [-504002]: 'FUNCTIONS_EXECUTE_FAIL'
}
// Reasons that share a number with others but have a code of their own.
const codesByReason = {
  transaction_conflict: 'DATABASE_TRANSACTION_CONFLICT',
  token_expired: 'ACCESS_TOKEN_EXPIRED',
  signature_invalid: 'SIGN_PARAM_INVALID'
}

/** The platform's code for an error: DATABASE_COLLECTION_NOT_EXIST and the like. */
const codeOf = error => codesByReason[error.reason] || codes[error.errCode] || 'INVALID_PARAM'

/** CloudError -> the Error with `code` and `requestId` that these SDKs reject with. */
function tcbError (error) {
  if (!(error instanceof CloudError)) return error
  const converted = new Error(error.detail)
  converted.code = codeOf(error)
  converted.requestId = error.requestId
  Object.defineProperty(converted, 'reason', { value: error.reason })
  Object.defineProperty(converted, 'retryable', { value: error.retryable })
  return converted
}

function fileCode ({ error }) {
  return error ? codeOf({ reason: error.reason, errCode: errCodeOf(error.reason) }) : 'SUCCESS'
}

/**
 * @param {object} options
 * @param {function(): string} options.requestId of the running request
 * @param {boolean} [options.resolveErrors] tcb-admin-node: failures resolve to {code, message, requestId}
 */
function tcbDialect ({ requestId, resolveErrors = false }) {
  return {
    reply: (api, result) => ({ ...(shapes[api] ? shapes[api](result) : {}), requestId: requestId() }),
    convert: tcbError,
    inTransaction: resolveErrors ? tcbDialect({ requestId }) : undefined,
    failed (api, error) {
      if (resolveErrors) return { code: codeOf(error), message: error.detail, requestId: error.requestId }
      throw tcbError(error)
    },
    settle: (options, promise) => promise,
    documents: data => data,
    replacement: data => data,
    change: data => data
  }
}

module.exports = { tcbDialect, tcbError, codeOf }
