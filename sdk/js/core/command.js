'use strict'

const { COMMAND } = require('./ejson')
const { ofReason } = require('./errors')
const { Geometry } = require('./geo')
const { aggregateOperators } = require('./expression')

/** What the functions of `_` return: an operator waiting for the field it is assigned to. */
class Command {
  constructor (operator, operands) {
    this.operator = operator
    this.operands = operands
  }
}
Object.defineProperty(Command.prototype, COMMAND, { value: true })

/** A condition. `a.and(b)`, `a.or(b)` and every comparison can be chained to it. */
class Condition extends Command {
  and (...conditions) {
    return new Logic('$and', [this, ...flat(conditions)])
  }

  or (...conditions) {
    return new Logic('$or', [this, ...flat(conditions)])
  }

  nor (...conditions) {
    return new Logic('$nor', [this, ...flat(conditions)])
  }

  /** This condition holds and the other does not. */
  not (condition) {
    return this.and(new Logic('$not', [condition]))
  }
}

/** One comparison such as {$gt: 1}. */
class Query extends Condition {}

/** $and, $or, $nor or $not of other conditions. */
class Logic extends Condition {}

/** A condition computed from a whole document. */
class Expr extends Condition {}

/** A change of one field. */
class Update extends Command {}

/** Part of a projection: project.slice, project.elemMatch. */
class Projection extends Command {}

const flat = values => values.length === 1 && Array.isArray(values[0]) ? values[0].slice() : values

function conditions (name, values) {
  const list = flat(values)
  if (list.length === 0) throw ofReason(`command.${name}`, 'invalid_request', 'needs one condition or more')
  return list
}

const queries = {
  eq: value => new Query('$eq', [value]),
  neq: value => new Query('$ne', [value]),
  lt: value => new Query('$lt', [value]),
  lte: value => new Query('$lte', [value]),
  gt: value => new Query('$gt', [value]),
  gte: value => new Query('$gte', [value]),
  in: values => new Query('$in', [values]),
  nin: values => new Query('$nin', [values]),
  all: values => new Query('$all', [values]),
  elemMatch: condition => new Query('$elemMatch', [condition]),
  exists: flag => new Query('$exists', [flag === undefined ? true : flag]),
  size: length => new Query('$size', [length]),
  mod: (...values) => new Query('$mod', [flat(values)]),
  geoNear: near,
  geoWithin: within,
  geoIntersects: intersects
}
for (const name of Object.keys(queries)) {
  Condition.prototype[name] = function (...values) { return this.and(queries[name](...values)) }
}

function near (options) {
  geometry('geoNear', options, ['Point'])
  const operand = { $geometry: options.geometry }
  if (options.maxDistance !== undefined) operand.$maxDistance = options.maxDistance
  if (options.minDistance !== undefined) operand.$minDistance = options.minDistance
  return new Query('$nearSphere', [operand])
}

function within (options) {
  if (options && options.centerSphere !== undefined) {
    const [center, radius] = Array.isArray(options.centerSphere) ? options.centerSphere : []
    const coordinates = center instanceof Geometry ? center.coordinates : center
    if (!Array.isArray(coordinates) || typeof radius !== 'number') {
      throw ofReason('command.geoWithin', 'invalid_request', 'centerSphere must be [point, radius in radians]')
    }
    return new Query('$geoWithin', [{ $centerSphere: [coordinates, radius] }])
  }
  geometry('geoWithin', options, ['Polygon', 'MultiPolygon'])
  return new Query('$geoWithin', [{ $geometry: options.geometry }])
}

function intersects (options) {
  geometry('geoIntersects', options)
  return new Query('$geoIntersects', [{ $geometry: options.geometry }])
}

function geometry (name, options, kinds) {
  const shape = options && options.geometry
  if (!shape || typeof shape.type !== 'string' || (kinds && !kinds.includes(shape.type))) {
    throw ofReason(`command.${name}`, 'invalid_request', `geometry must be a ${kinds ? kinds.join(' or ') : 'Geo shape'}`)
  }
}

const logic = {
  and: (...values) => new Logic('$and', conditions('and', values)),
  or: (...values) => new Logic('$or', conditions('or', values)),
  nor: (...values) => new Logic('$nor', conditions('nor', values)),
  not: condition => new Logic('$not', [condition]),
  expr: expression => new Expr('$expr', [expression]),
  jsonSchema: schema => new Expr('$jsonSchema', [schema])
}

const updates = {
  set: value => new Update('$set', [value]),
  remove: () => new Update('$unset', ['']),
  inc: amount => new Update('$inc', [amount]),
  mul: factor => new Update('$mul', [factor]),
  min: value => new Update('$min', [value]),
  max: value => new Update('$max', [value]),
  rename: name => new Update('$rename', [name]),
  bit: operation => new Update('$bit', [operation]),
  push: (...values) => new Update('$push', [pushOperand(values)]),
  unshift: (...values) => new Update('$push', [{ $each: flat(values), $position: 0 }]),
  pop: () => new Update('$pop', [1]),
  shift: () => new Update('$pop', [-1]),
  pull: condition => new Update('$pull', [condition]),
  pullAll: values => new Update('$pullAll', [values]),
  addToSet: value => new Update('$addToSet', [value])
}

/** push(v), push(a, b), push([a, b]), push({each, position, sort, slice}) and the raw push({$each}). */
function pushOperand (values) {
  const [options] = values
  const single = values.length === 1 && options !== null && typeof options === 'object' && !Array.isArray(options)
  if (single && Array.isArray(options.$each)) return options
  if (!single || options.each === undefined) return { $each: flat(values) }
  const operand = { $each: Array.isArray(options.each) ? options.each : [options.each] }
  for (const name of ['position', 'sort', 'slice']) {
    if (options[name] !== undefined) operand['$' + name] = options[name]
  }
  return operand
}

const project = {
  slice: value => new Projection('$slice', [value]),
  elemMatch: condition => new Projection('$elemMatch', [condition])
}

/** The object `_`, also known as db.command. */
const command = { ...queries, ...logic, ...updates, project, aggregate: aggregateOperators }

module.exports = { command, Command, Query, Logic, Expr, Update, Projection }
