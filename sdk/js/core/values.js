'use strict'

const { ofReason } = require('./errors')

const tag = value => Object.prototype.toString.call(value)
// By tag, not instanceof: values may come from another realm.
const isDate = value => tag(value) === '[object Date]'
const isRegExp = value => tag(value) === '[object RegExp]'

/** The server's clock at the moment of the write, plus an offset in milliseconds. */
class ServerDate {
  constructor ({ offset = 0 } = {}) {
    if (!Number.isFinite(offset)) throw ofReason('serverDate', 'invalid_request', 'offset must be a number of milliseconds')
    this.offset = offset
  }
}

/** Called with or without `new`: both spellings are in use. */
function serverDate (options) {
  return new ServerDate(options || {})
}

/** A regular expression that the server evaluates. */
class DatabaseRegExp {
  constructor ({ regexp, options } = {}) {
    if (isRegExp(regexp)) {
      if (options === undefined) options = regexp.flags
      regexp = regexp.source
    }
    if (typeof regexp !== 'string') throw ofReason('RegExp', 'invalid_request', 'regexp must be a string')
    if (options !== undefined && typeof options !== 'string') throw ofReason('RegExp', 'invalid_request', 'options must be a string')
    this.regexp = regexp
    this.options = options || ''
  }
}

/** Called with or without `new`. */
function databaseRegExp (options) {
  return new DatabaseRegExp(options)
}

module.exports = { ServerDate, serverDate, DatabaseRegExp, databaseRegExp, isDate, isRegExp, tag }
