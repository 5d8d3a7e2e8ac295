'use strict'

const reasons = require('./reasons.gen.js')

// What existing code matches in errMsg: one fixed text per number, as the platform's own SDKs word it.
const labels = {
  [-501001]: 'resource system error',
  [-501002]: 'resource server timeout',
  [-501003]: 'exceed request limit',
  [-501004]: 'exceed concurrent request limit',
  [-501005]: 'invalid env',
  [-501006]: 'invalid common parameters',
  [-501007]: 'invalid parameters',
  [-501008]: 'invalid request source',
  [-501009]: 'resource not initialized',
  [-502001]: 'database request fail',
  [-502002]: 'database invalid command',
  [-502003]: 'database permission denied',
  [-502004]: 'database exceed collection limit',
  [-502005]: 'database collection not exists',
  [-503001]: 'storage request fail',
  [-503002]: 'storage permission denied',
  [-503003]: 'storage file not exists',
  [-503004]: 'storage invalid sign parameter',
  [-504001]: 'functions request fail',
  [-504002]: 'functions execute fail',
  [-601001]: 'system error',
  [-601004]: 'api permission denied',
  [-604100]: 'unsupported call'
}

// Words that code looks for in errMsg, whatever the server's sentence is.
const matched = { duplicate_key: 'duplicate key', collection_exists: 'already exists' }

/** errCode of mistakes that are found before anything is sent. */
const LOCAL = -1

/**
 * The one error that the SDK rejects with.
 * errCode and errMsg are what existing code reads; reason is the stable name of the cause (wire/errors.json).
 */
class CloudError extends Error {
  /**
   * @param {object} fields
   * @param {number} fields.errCode
   * @param {string} fields.errMsg whole text, API name included
   * @param {string} [fields.reason]
   * @param {string} [fields.requestId]
   * @param {boolean} [fields.retryable]
   * @param {string} [fields.detail] the server's sentence without the API name
   */
  constructor ({ errCode, errMsg, reason, requestId, retryable = false, detail }) {
    super(errMsg)
    this.errCode = errCode
    this.errMsg = errMsg
    hide(this, 'reason', reason)
    hide(this, 'detail', detail === undefined ? errMsg : detail)
    this.requestId = requestId
    this.retryable = retryable
  }
}

// Bundling numbers classes; printed errors should not show that.
Object.defineProperty(CloudError, 'name', { value: 'CloudError' })

function hide (target, key, value) {
  Object.defineProperty(target, key, { value, enumerable: false, configurable: true, writable: true })
}

/** Number of a reason; unknown reasons (a newer server) count as a system error. */
const errCodeOf = reason => (reasons[reason] || reasons.internal)[0]
const isRetryable = reason => (reasons[reason] || reasons.internal)[1]
const labelOf = errCode => labels[errCode] || 'unknown error'

/** The `{code, reason, message, ...}` inside whatever a transport rejected with, or undefined. */
function wireError (thrown) {
  if (!thrown || typeof thrown !== 'object') return undefined
  if (typeof thrown.reason === 'string') return thrown
  if (thrown.error && typeof thrown.error.reason === 'string') return thrown.error
  return undefined
}

/**
 * Turns anything thrown while `api` ran into a CloudError named after that API.
 * @param {string} api such as 'collection.get'
 * @param {*} thrown a CloudError, an error envelope of the server, or any other error
 */
function failure (api, thrown) {
  if (thrown instanceof CloudError) {
    if (thrown.errMsg.startsWith(api + ':fail')) return thrown
    return rename(api, thrown)
  }
  const wire = wireError(thrown)
  if (!wire) return local(api, thrown instanceof Error ? thrown.message : (thrown && thrown.errMsg) || String(thrown))
  const errCode = typeof wire.errCode === 'number' && wire.errCode !== 0 ? wire.errCode : errCodeOf(wire.reason)
  let detail = wire.message || ''
  const words = matched[wire.reason]
  if (words && !detail.toLowerCase().includes(words)) detail = `${words}: ${detail}`
  return new CloudError({
    errCode,
    errMsg: `${api}:fail ${errCode} ${labelOf(errCode)}. ${detail}`,
    reason: wire.reason,
    requestId: wire.requestId,
    retryable: wire.retryable === undefined ? isRetryable(wire.reason) : Boolean(wire.retryable),
    detail
  })
}

function rename (api, error) {
  const text = error.errCode === LOCAL ? error.detail : `${error.errCode} ${labelOf(error.errCode)}. ${error.detail}`
  const renamed = new CloudError({ ...error, errMsg: `${api}:fail ${text}`, reason: error.reason, detail: error.detail })
  renamed.stack = error.stack
  return renamed
}

/** A mistake of the caller that never reached the server. */
function local (api, detail) {
  return new CloudError({ errCode: LOCAL, errMsg: `${api}:fail ${detail}`, reason: 'invalid_request', detail })
}

/** An error that is known by its reason but was found on this side of the wire. */
function ofReason (api, reason, detail) {
  return failure(api, { reason, message: detail })
}

const unsupported = (api, detail) => ofReason(api, 'unsupported_call', detail || `${api} is not supported here`)

module.exports = { CloudError, LOCAL, errCodeOf, labelOf, wireError, failure, local, ofReason, unsupported }
