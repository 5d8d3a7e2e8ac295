'use strict'

const { encode, decode, isNested } = require('./ejson')
const { Command } = require('./command')
const { compileFilter, operatorValue, elementFilter } = require('./filter')
const { compileUpdate, compileDocument } = require('./update')
const { Aggregate } = require('./aggregate')
const { ofReason } = require('./errors')

/** A query on one collection. Every method returns a new query, so a query can be kept and refined. */
class Query {
  /**
   * @param {object} db the Database it belongs to
   * @param {object} session where operations go: the database itself or one transaction
   * @param {string} name collection
   * @param {object} [state] filter, sort, skip, limit, projection in wire form
   */
  constructor (db, session, name, state = {}) {
    Object.defineProperty(this, 'db', { value: db })
    Object.defineProperty(this, 'session', { value: session })
    Object.defineProperty(this, 'state', { value: state })
    this.collectionName = name
  }

  refine (change) {
    return new Query(this.db, this.session, this.collectionName, { ...this.state, ...change })
  }

  /** @param {object} condition replaces the condition of an earlier where() */
  where (condition) {
    return this.refine({ filter: compileFilter(condition) })
  }

  /**
   * @param {string} path dotted path
   * @param {'asc'|'desc'} order
   */
  orderBy (path, order) {
    if (typeof path !== 'string' || path === '') throw ofReason('orderBy', 'invalid_request', 'the field must be a string')
    if (order !== 'asc' && order !== 'desc') throw ofReason('orderBy', 'invalid_request', "the order must be 'asc' or 'desc'")
    return this.refine({ sort: { ...this.state.sort, [path]: order === 'asc' ? 1 : -1 } })
  }

  limit (count) {
    return this.refine({ limit: integer('limit', count) })
  }

  skip (count) {
    return this.refine({ skip: integer('skip', count) })
  }

  /** @param {object} fields path -> true, false, or project.slice / project.elemMatch */
  field (fields) {
    return this.refine({ projection: compileProjection(fields) })
  }

  /**
   * How texts compare, in this query's conditions, order and changes. wx.cloud has no such method.
   * @param {object} settings such as { locale: 'zh', strength: 1 }
   */
  collation (settings) {
    return this.refine({ collation: settings })
  }

  get (options) {
    return this.db.run('collection.get', options, async () => {
      const { filter, sort, skip, limit = this.db.defaultLimit, projection, collation } = this.state
      const request = defined({ collection: this.collectionName, filter, sort, skip, limit: limit || this.db.defaultLimit, projection, collation })
      const { documents } = await this.session.call('documents.find', request)
      return { documents: decode(documents) }
    })
  }

  count (options) {
    return this.db.run('collection.count', options, () =>
      this.session.call('documents.count', defined({ collection: this.collectionName, filter: this.state.filter, collation: this.state.collation })))
  }

  update (options) {
    return this.db.run('collection.update', options, () => {
      const update = compileUpdate(this.db.dialect.change(options))
      return this.session.call('documents.update', defined({
        collection: this.collectionName, filter: this.state.filter || {}, update: orNothing(update), multi: true, collation: this.state.collation
      }))
    })
  }

  /** Changes the first match and gives the document as it is afterwards. */
  updateAndReturn (options) {
    return this.db.run('collection.updateAndReturn', options, async () => {
      const update = compileUpdate(this.db.dialect.change(options))
      const reply = await this.session.call('documents.findAndUpdate', defined({
        collection: this.collectionName, filter: this.state.filter || {}, update: orNothing(update), sort: this.state.sort, return: 'after', collation: this.state.collation
      }))
      return { ...reply, document: reply.document ? decode(reply.document) : null }
    })
  }

  remove (options) {
    return this.db.run('collection.remove', options, () =>
      this.session.call('documents.delete', defined({ collection: this.collectionName, filter: this.state.filter || {}, multi: true, collation: this.state.collation })))
  }

  /**
   * Calls onChange with the result now and after every change, until close().
   * @param {{onChange: function(object): void, onError: function(object): void}} options
   * @returns {{close: function(): Promise<void>}}
   */
  watch (options) {
    return this.db.watch('collection.watch', { collection: this.collectionName, ...this.state }, options)
  }
}

/** A whole collection. */
class Collection extends Query {
  /** @param {string|number} id */
  doc (id) {
    return new Document(this.db, this.session, this.collectionName, id)
  }

  /** Inserts one document, or several when given an array. */
  add (options) {
    return this.db.run('collection.add', options, async () => {
      const data = this.db.dialect.documents(options)
      const documents = (Array.isArray(data) ? data : [data]).map(document => compileDocument(document))
      const { insertedIds } = await this.session.call('documents.insert', { collection: this.collectionName, documents })
      return { ids: decode(insertedIds), many: Array.isArray(data), session: this.session }
    })
  }

  aggregate () {
    return new Aggregate((pipeline, options) => this.db.run('collection.aggregate', options, async () => {
      const { documents } = await this.session.call('documents.aggregate', { collection: this.collectionName, pipeline })
      return { documents: decode(documents) }
    }))
  }

  createIndex () {
    return this.db.reject('collection.createIndex')
  }
}

/** One document, addressed by its ID; it need not exist. */
class Document {
  constructor (db, session, name, id, projection) {
    // No document has the empty ID, so it is refused or not found when used: code has its catch there, not here.
    if ((typeof id !== 'string' && typeof id !== 'number') || Number.isNaN(id)) {
      throw ofReason('collection.doc', 'invalid_request', `the document ID must be a string or a number, not ${typeof id}`)
    }
    Object.defineProperty(this, 'db', { value: db })
    Object.defineProperty(this, 'session', { value: session })
    Object.defineProperty(this, 'projection', { value: projection })
    this.collectionName = name
    this.id = id
    this._id = id
  }

  field (fields) {
    return new Document(this.db, this.session, this.collectionName, this.id, compileProjection(fields))
  }

  get (options) {
    return this.db.run('document.get', options, async () => {
      const request = defined({ collection: this.collectionName, id: this.id, projection: this.projection })
      const { document } = await this.session.call('documents.get', request)
      return { document: document ? decode(document) : null, id: this.id, session: this.session }
    })
  }

  update (options) {
    return this.db.run('document.update', options, () => {
      const update = compileUpdate(this.db.dialect.change(options))
      return this.session.call('documents.update', { collection: this.collectionName, filter: { _id: this.id }, update: orNothing(update) })
    })
  }

  /** Replaces the document, or creates it under its ID. */
  set (options) {
    return this.db.run('document.set', options, async () => {
      const data = this.db.dialect.replacement(options)
      const update = compileDocument(data)
      if ('_id' in update) throw ofReason('set', 'invalid_request', '_id cannot be part of data: it is the argument of doc()')
      const reply = await this.session.call('documents.update', {
        collection: this.collectionName, filter: { _id: this.id }, update, upsert: true
      })
      return { ...reply, id: this.id, session: this.session }
    })
  }

  remove (options) {
    return this.db.run('document.remove', options, () =>
      this.session.call('documents.delete', { collection: this.collectionName, filter: { _id: this.id } }))
  }

  watch (options) {
    const { collectionName: collection, id, projection } = this
    return this.db.watch('document.watch', { collection, filter: { _id: id }, projection }, options)
  }
}

// An empty object would mean "replace the document by nothing"; an update without changes must change nothing.
const orNothing = update => Object.keys(update).length === 0 ? { $set: {} } : update

function compileProjection (fields) {
  if (fields === undefined || fields === null || (Array.isArray(fields) && fields.length === 0)) return undefined // every field
  if (!isNested(fields)) throw ofReason('field', 'invalid_request', 'the fields must be an object')
  const projection = {}
  for (const path of Object.keys(fields)) {
    const value = fields[path]
    if (value === undefined) continue
    if (value instanceof Command && value.operator === '$elemMatch') projection[path] = { $elemMatch: elementFilter(value.operands[0]) }
    else projection[path] = typeof value === 'boolean' ? Number(value) : encode(value, operatorValue)
  }
  return projection
}

function integer (name, value) {
  if (!Number.isInteger(value)) throw ofReason(name, 'invalid_request', `${name} must be an integer`)
  return value
}

/** Without the members that are undefined. */
function defined (request) {
  for (const key of Object.keys(request)) if (request[key] === undefined) delete request[key]
  return request
}

module.exports = { Query, Collection, Document }
