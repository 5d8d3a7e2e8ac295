'use strict'

const { failure } = require('./errors')

/**
 * Runs one API call: `work` gives the neutral result, the dialect turns it into what callers see.
 * @param {object} dialect dialect-wx.js or dialect-tcb.js
 * @param {string} api such as 'collection.get': names results and errors
 * @param {*} options the argument of the call (callbacks may be in there)
 * @param {function(): (object|Promise<object>)} work
 */
function run (dialect, api, options, work) {
  const promise = new Promise(resolve => resolve(work())).then(
    result => dialect.reply(api, result),
    error => dialect.failed(api, failure(api, error))
  )
  return dialect.settle(options, promise)
}

module.exports = { run }
