'use strict'

const { command } = require('./command')
require('./aggregate') // completes command.aggregate with pipeline()
const { Geo } = require('./geo')
const { serverDate, databaseRegExp } = require('./values')
const { Collection } = require('./query')
const { begin, runTransaction } = require('./transaction')
const { run } = require('./run')
const { beginWatch } = require('./watch')
const { ofReason, unsupported } = require('./errors')

// Shared by all slots of a process: nothing that one of them assigns may be seen by another.
for (const shared of [command, command.aggregate, command.project, Geo]) Object.freeze(shared)

/** What init().database() returns. It is bound to no request: the transport knows the caller of the moment. */
class Database {
  /**
   * @param {object} options
   * @param {function(string, object): Promise<object>} options.call sends one operation, resolves to its reply
   * @param {object} options.dialect argument, result and error shapes: dialect-wx.js or dialect-tcb.js
   * @param {number} options.defaultLimit documents that get() asks for without limit()
   * @param {object} [options.config] what database() was called with
   * @param {import('./realtime').Realtime} [options.realtime] for watches; without it they are refused
   */
  constructor ({ call, dialect, defaultLimit, config = {}, realtime }) {
    Object.defineProperty(this, 'call', { value: call })
    Object.defineProperty(this, 'dialect', { value: dialect })
    Object.defineProperty(this, 'defaultLimit', { value: defaultLimit })
    Object.defineProperty(this, 'realtime', { value: realtime })
    this.config = config
    this.command = command
    this.Geo = Geo
    this.serverDate = serverDate
    this.RegExp = databaseRegExp
  }

  /** @param {string} name */
  collection (name) {
    if (typeof name !== 'string' || name === '') throw ofReason('collection', 'invalid_collection_name', 'the collection name must be a string')
    return new Collection(this, this, name)
  }

  createCollection (name, options) {
    return this.run('createCollection', options, () => this.call('collections.create', { collection: name }))
  }

  /** Every collection with the number of its documents and bytes. */
  collections (options) {
    return this.run('collections', options, () => this.call('collections.list', {}))
  }

  listCollections () {
    return this.reject('listCollections')
  }

  startTransaction () {
    return begin(this)
  }

  /**
   * @param {function(object): *} body receives the transaction; may run again after a conflict
   * @param {number} [tries]
   */
  runTransaction (body, tries = 3) {
    return runTransaction(this, body, tries)
  }

  /** Runs one API call of this database; see run.js. */
  run (api, options, work) {
    return run(this.dialect, api, options, work)
  }

  /**
   * Follows the result of a query. Where there is no realtime connection it is refused through the listener, as a lost
   * connection would be.
   */
  watch (api, query, options) {
    if (this.realtime) return beginWatch(this.realtime, api, query, options)
    const { onError } = options || {}
    const refused = this.reject(api).catch(error => {
      if (typeof onError !== 'function') throw error
      onError(error)
    })
    return { close: () => refused.then(() => {}, () => {}) }
  }

  reject (api) {
    return this.run(api, undefined, () => { throw unsupported(api) })
  }
}

module.exports = { Database }
