'use strict'

const { decode } = require('./ejson')
const { compareBy } = require('./order')
const { difference } = require('./difference')
const { local, ofReason } = require('./errors')

// What the platform's own SDK calls the moves and causes of the server.
const QUEUE = { enter: 'enqueue', update: 'update', leave: 'dequeue' }
const DATA = { insert: 'add', update: 'update', delete: 'remove', limit: 'limit' }

/** The result of a query as it is now, kept up by the server's messages, and told to the app as snapshots. */
class Watching {
  /**
   * @param {{sort: (object|undefined), limit: (number|undefined), collation: (object|undefined)}} query in wire form
   * @param {{onChange: function(object): void, onError: (function(object): void|undefined)}} options
   */
  constructor ({ sort, limit, collation }, { onChange, onError }) {
    this.compare = sort || limit ? compareBy(sort, collation) : undefined
    this.onChange = onChange
    this.onError = onError
    this.entries = new Map() // _id as text -> document as it travels, in order
    this.id = -1 // of the last snapshot
  }

  event (message) {
    const before = this.entries
    const changes = message.type === 'snapshot' ? this.replace(message.documents) : message.changes.map(change => this.move(change))
    if (this.id >= 0 && changes.length === 0) return // a new snapshot that is as the old one
    if (this.compare) this.sort()
    else if (before !== this.entries && this.id >= 0) this.keepOrder(before)
    this.tell(changes)
  }

  /** The whole result anew; what differs from the one before is what changed. */
  replace (documents) {
    const before = this.entries
    this.entries = new Map(documents.map(document => [JSON.stringify(document._id), document]))
    if (this.id < 0) return documents.map(document => ({ queueType: 'init', dataType: 'init', document }))
    const changes = []
    for (const [key, document] of before) {
      if (!this.entries.has(key)) changes.push({ queueType: 'dequeue', dataType: 'remove', document })
    }
    for (const [key, document] of this.entries) {
      const old = before.get(key)
      if (!old) changes.push({ queueType: 'enqueue', dataType: 'add', document })
      else if (JSON.stringify(old) !== JSON.stringify(document)) changes.push({ queueType: 'update', dataType: 'update', document, ...difference(old, document) })
    }
    return changes
  }

  move ({ move, cause, id, document }) {
    const key = JSON.stringify(id)
    const old = this.entries.get(key)
    if (move === 'leave') this.entries.delete(key)
    else this.entries.set(key, document)
    const change = { queueType: QUEUE[move], dataType: DATA[cause], document: document || old || { _id: id } }
    return move === 'update' && old ? { ...change, ...difference(old, document) } : change
  }

  sort () {
    this.entries = new Map([...this.entries].sort(([, a], [, b]) => this.compare(a, b)))
  }

  /** Documents that were there keep their places; new ones follow. */
  keepOrder (before) {
    const now = this.entries
    const keys = [...before.keys()].filter(key => now.has(key)).concat([...now.keys()].filter(key => !before.has(key)))
    this.entries = new Map(keys.map(key => [key, now.get(key)]))
  }

  tell (changes) {
    const id = ++this.id
    const documents = [...this.entries.values()]
    // Decoded when looked at, so that nothing an app does to a snapshot is seen in a later one.
    const snapshot = lazily({ id, type: id === 0 ? 'init' : undefined }, {
      docs: () => documents.map(decoded),
      docChanges: () => changes.map(({ document, updatedFields, removedFields, ...change }) => ({
        id, ...change, docId: decoded(document._id), doc: decoded(document), ...(updatedFields && { updatedFields: decoded(updatedFields), removedFields })
      }))
    })
    this.onChange(snapshot)
  }

  end (error) {
    if (this.onError) this.onError(error)
  }
}

/** A copy for the app: decoding changes its argument. */
const decoded = value => decode(JSON.parse(JSON.stringify(value)))

function lazily (target, getters) {
  for (const name of Object.keys(getters)) {
    let value
    Object.defineProperty(target, name, { enumerable: true, get: () => value || (value = getters[name]()) })
  }
  return target
}

/**
 * Begins to watch.
 * @param {import('./realtime').Realtime} realtime
 * @param {string} api names errors
 * @param {object} query in wire form: filter, sort, limit, and what cannot be watched
 * @returns {{close: function(): Promise<void>}}
 */
function beginWatch (realtime, api, { collection, filter, sort, limit, skip, projection, collation }, options) {
  const { onChange, onError } = options || {}
  if (typeof onChange !== 'function') throw local(api, 'parameter.onChange should be a function')
  if (skip || projection) throw ofReason(api, 'invalid_request', 'what is watched has neither skip() nor field()')
  if (sort && collation && typeof Intl !== 'object') throw ofReason(api, 'unsupported_call', 'orderBy() with collation() cannot be watched here: this environment has no Intl')
  const query = { collection, filter, sort, limit: limit || undefined, collation }
  const close = realtime.watch(query, new Watching(query, { onChange, onError }))
  return { close: async () => close() }
}

module.exports = { beginWatch, Watching }
