'use strict'

const { encode, decode, isNested } = require('./ejson')
const { compileDocument } = require('./update')
const { ofReason, unsupported } = require('./errors')

// Data models are collections with a form that the vendor's console draws. Here the collection of the model's name
// serves, under its rules; what may be in it is the app's own affair.

/** The function that the vendor's packages for data models call; it belongs to the platform that they were made for. */
const DATA_MODELS = 'lowcode-datasource'

const USUAL_PAGE = 10
const LARGEST_PAGE = 200
const MOST_ORDERS = 3

/** How the vendor's packages name the methods when they call the function that serves them. */
const byWire = {
  wedaCreateV2: 'create',
  wedaBatchCreateV2: 'createMany',
  wedaUpdateV2: 'update',
  wedaUpsertV2: 'upsert',
  wedaBatchUpdateV2: 'updateMany',
  wedaDeleteV2: 'delete',
  wedaBatchDeleteV2: 'deleteMany',
  wedaGetItemV2: 'get',
  wedaGetRecordsV2: 'list'
}

const has = (object, key) => Object.prototype.hasOwnProperty.call(object, key)
const invalid = detail => ofReason('models', 'invalid_request', detail)
const escape = text => String(text).replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
const containing = (text, options) => ({ $regex: escape(text), $options: options })

const comparisons = {
  $eq: value => ({ $eq: value }),
  $neq: value => ({ $ne: value }),
  $gt: value => ({ $gt: value }),
  $gte: value => ({ $gte: value }),
  $lt: value => ({ $lt: value }),
  $lte: value => ({ $lte: value }),
  $in: value => ({ $in: value }),
  $nin: value => ({ $nin: value }),
  $search: text => containing(text, ''),
  $search_ci: text => containing(text, 'i'),
  $nsearch: text => ({ $not: containing(text, '') }),
  $nsearch_ci: text => ({ $not: containing(text, 'i') }),
  $empty: is => is === false ? { $ne: null } : { $eq: null },
  $nempty: is => is === false ? { $eq: null } : { $ne: null }
}

/** filter.where as the database's own filter. */
function compile (where) {
  if (!isNested(where)) throw invalid('filter.where must be an object')
  const clauses = []
  for (const key of Object.keys(where)) {
    const value = where[key]
    if (value === undefined) throw invalid(`filter.where: ${key} is undefined`) // dropped, it would match everything
    if (key === '$and' || key === '$or') {
      const parts = Array.isArray(value) ? value : [value]
      if (parts.length > 0) clauses.push({ [key]: parts.map(compile) })
    } else if (key[0] === '$') {
      throw invalid(`filter.where: ${key} is neither $and nor $or`)
    } else {
      clauses.push(...conditions(key, value))
    }
  }
  return clauses.length === 0 ? {} : clauses.length === 1 ? clauses[0] : { $and: clauses }
}

function conditions (field, condition) {
  if (!isNested(condition)) return [{ [field]: { $eq: encode(condition) } }]
  if (Object.keys(condition).length === 0) throw invalid(`filter.where: ${field} has no comparison`)
  return Object.keys(condition).map(operator => {
    if (!has(comparisons, operator)) throw invalid(`filter.where: ${field} has no comparison ${operator}`)
    const value = encode(condition[operator])
    if (value === undefined) throw invalid(`filter.where: ${operator} of ${field} is undefined`)
    return { [field]: comparisons[operator](value) }
  })
}

function filterOf ({ filter }, required) {
  const { where, relateWhere } = Object(filter)
  if (relateWhere !== undefined && Object.keys(Object(relateWhere)).length > 0) throw unsupported('models', 'relations between data models are not available here: filter.relateWhere')
  if (where === undefined && required) throw invalid('filter.where is missing: {} stands for all')
  return compile(where === undefined ? {} : where)
}

/** select as a projection; undefined for every field. */
function projectionOf ({ select }) {
  if (select === undefined || select === null) return undefined
  if (!isNested(select)) throw invalid('select must be an object')
  const projection = {}
  for (const field of Object.keys(select)) {
    if (isNested(select[field])) throw unsupported('models', `relations between data models are not available here: select.${field}`)
    if (field !== '$master' && select[field]) projection[field] = 1
  }
  return select.$master || Object.keys(projection).length === 0 ? undefined : projection
}

/** orderBy: [{ field: 'desc' }] or [{ field, direction }]. */
function sortOf ({ orderBy }) {
  if (orderBy === undefined || orderBy === null) return undefined
  const sort = {}
  for (const entry of Array.isArray(orderBy) ? orderBy : [orderBy]) {
    if (!isNested(entry)) throw invalid("orderBy: an entry is like { createdAt: 'desc' }")
    const pairs = entry.direction !== undefined && typeof entry.field === 'string' ? [[entry.field, entry.direction]] : Object.entries(entry)
    for (const [field, direction] of pairs) {
      if (direction !== 'asc' && direction !== 'desc') throw invalid(`orderBy: ${field} is neither 'asc' nor 'desc'`)
      sort[field] = direction === 'asc' ? 1 : -1
    }
  }
  if (Object.keys(sort).length > MOST_ORDERS) throw invalid(`orderBy: more than ${MOST_ORDERS} fields`)
  return Object.keys(sort).length === 0 ? undefined : sort
}

function page ({ pageSize = USUAL_PAGE, pageNumber = 1 }) {
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > LARGEST_PAGE) throw invalid(`pageSize: 1 to ${LARGEST_PAGE}`)
  if (!Number.isInteger(pageNumber) || pageNumber < 1) throw invalid('pageNumber: 1 or more')
  return { skip: (pageNumber - 1) * pageSize, limit: pageSize }
}

function documentOf (data, name = 'data') {
  if (!isNested(data)) throw invalid(`${name} must be an object`)
  return data
}

const stamped = data => { const now = Date.now(); return compileDocument({ createdAt: now, updatedAt: now, ...data }) }
const changeOf = data => ({ $set: compileDocument({ ...data, updatedAt: data.updatedAt === undefined ? Date.now() : data.updatedAt }) })

const methods = {
  async create (call, collection, { data }) {
    const { insertedIds: [id] } = await call('documents.insert', { collection, documents: [stamped(documentOf(data))] })
    return { id: decode(id) }
  },
  async createMany (call, collection, { data }) {
    if (!Array.isArray(data)) throw invalid('data must be an array of objects')
    const documents = data.map((element, at) => documentOf(element, `data[${at}]`)).filter(element => Object.keys(element).length > 0).map(stamped)
    if (documents.length === 0) throw invalid('data: nothing to create')
    const { insertedIds } = await call('documents.insert', { collection, documents })
    return { idList: decode(insertedIds) }
  },
  update: (call, collection, params) => change(call, collection, params, false),
  updateMany: (call, collection, params) => change(call, collection, params, true),
  async upsert (call, collection, params) {
    const request = { collection, filter: filterOf(params, true), update: changeOf(documentOf(params.update, 'update')) }
    if (params.create !== undefined) request.create = stamped(documentOf(params.create, 'create'))
    const { matched, upsertedId } = await call('documents.update', request)
    if (matched > 0) return { count: matched, id: '' }
    documentOf(params.create, 'create') // there is nothing to update
    return { count: 0, id: decode(upsertedId) }
  },
  delete: (call, collection, params) => remove(call, collection, params, false),
  deleteMany: (call, collection, params) => remove(call, collection, params, true),
  async get (call, collection, params) {
    const { documents } = await call('documents.find', { collection, filter: filterOf(params), projection: projectionOf(params), limit: 1 })
    return decode(documents)[0] || {}
  },
  async list (call, collection, params) {
    const filter = filterOf(params)
    const request = { collection, filter, projection: projectionOf(params), sort: sortOf(params), ...page(params) }
    const [{ documents }, counted] = await Promise.all([
      call('documents.find', request),
      params.getCount ? call('documents.count', { collection, filter }) : undefined
    ])
    return { records: decode(documents), ...(counted && { total: counted.total }) }
  }
}

async function change (call, collection, params, multi) {
  const { matched } = await call('documents.update', { collection, filter: filterOf(params, true), update: changeOf(documentOf(params.data)), multi })
  return { count: matched }
}

async function remove (call, collection, params, multi) {
  const { deleted } = await call('documents.delete', { collection, filter: filterOf(params, true), multi })
  return { count: deleted }
}

/**
 * Runs a method of a data model.
 * @param {{call: function(string, object): Promise<object>, requestId: function(): string}} platform
 * @returns {Promise<{data: object, requestId: string}>}
 */
async function runModel (platform, model, method, given) {
  const params = given === undefined || given === null ? {} : given
  if (!has(methods, method)) throw unsupported('models', `${method} of data models is not available here: use database() instead`)
  if (!isNested(params)) throw invalid('the parameters must be an object')
  if (params.envType === 'pre') throw unsupported('models', 'there is one set of data here: envType must not be pre')
  return { data: await methods[method](platform.call, model, params), requestId: platform.requestId() }
}

/** Answers as that function would. */
const serveModels = (platform, { dataSourceName, methodName, params, envType }) =>
  runModel(platform, dataSourceName, byWire[methodName] || String(methodName), { envType, ...params })

module.exports = { DATA_MODELS, runModel, serveModels }
