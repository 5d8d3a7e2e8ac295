'use strict'

const { encode, isNested, assign, requireDepth } = require('./ejson')
const { Query, Logic, Expr, Update } = require('./command')
const { ofReason } = require('./errors')

const invalid = detail => ofReason('where', 'invalid_filter', detail)

/**
 * A condition as written in where() and match() as a MongoDB filter in extended JSON.
 * Nested objects become dotted paths, undefined is dropped, raw `$` operators pass through.
 * @param {object} condition plain object or a whole-document command (`_.or([...])`, `_.expr(...)`)
 */
function compileFilter (condition) {
  if (condition instanceof Logic) return compileLogic(condition, compileFilter)
  if (condition instanceof Expr) return compileExpr(condition)
  if (!isNested(condition)) throw invalid('a condition must be an object')
  const clauses = []
  collect(condition, '', clauses)
  return join(clauses)
}

/** Walks a condition object; each clause is a filter with one key. */
function collect (condition, prefix, clauses, depth = 0) {
  requireDepth(depth)
  for (const key of Object.keys(condition)) {
    const value = condition[key]
    if (value === undefined) continue
    if (key[0] === '$') clauses.push(rawClause(key, value))
    else collectField(prefix + key, value, clauses, depth)
  }
}

function collectField (path, value, clauses, depth) {
  if (isNested(value) && !isRaw(value)) return collect(value, path + '.', clauses, depth + 1)
  const clause = fieldClause(path, value)
  if (clause !== undefined) clauses.push(clause)
}

/** Whether an object is already in the server's language: {$gt: 1}, {$date: ...}. */
function isRaw (value) {
  for (const key in value) if (key[0] === '$') return true
  return false
}

/** $or, $and and $nor hold conditions of their own; everything else is passed on as it is. */
function rawClause (key, value) {
  if (/^\$(and|or|nor)$/.test(key) && Array.isArray(value)) return { [key]: value.map(compileFilter) }
  return { [key]: encode(value, operatorValue) }
}

/** The filter that one field must satisfy; undefined if the value means nothing (a function). */
function fieldClause (path, value) {
  if (value instanceof Logic) return compileLogic(value, operand => operandClause(path, operand), path)
  if (value instanceof Expr) return compileExpr(value)
  if (value instanceof Update) throw invalid(`${path}: ${value.operator} changes a field and is no condition`)
  if (value instanceof Query) return { [path]: operatorValue(value) }
  const encoded = encode(value, operatorValue)
  return encoded === undefined ? undefined : { [path]: encoded }
}

// As in the platform's own SDK an object inside a field's _.or is a condition on the whole document.
function operandClause (path, operand) {
  return isNested(operand) && !isRaw(operand) ? compileFilter(operand) : fieldClause(path, operand)
}

function compileLogic ({ operator, operands }, compile, path) {
  if (operator !== '$not') return { [operator]: operands.map(compile) }
  const [operand] = operands
  if (path !== undefined && (!(operand instanceof Logic) && (operand instanceof Query || !isNested(operand) || isRaw(operand)))) {
    return { [path]: { $not: notOperand(operand) } }
  }
  return { $nor: [compile(operand)] }
}

/** $not takes operators or a regular expression; a plain value is compared with $eq. */
function notOperand (operand) {
  const encoded = encode(operand, operatorValue)
  if (operand instanceof Query || (encoded && typeof encoded === 'object' && !Array.isArray(encoded) && !encoded.$date)) return encoded
  return { $eq: encoded }
}

const compileExpr = ({ operator, operands }) => ({ [operator]: encode(operands[0], operatorValue) })

/** A command as the value of a field: {$gt: 1}. Used where there is no room for a clause ($pull, $elemMatch, raw operators). */
function operatorValue (command) {
  if (command instanceof Logic) return mergeLogic(command)
  const { operator, operands: [operand] } = command
  if (operator === '$elemMatch') return { $elemMatch: elementFilter(operand) }
  return { [operator]: encode(operand, operatorValue) }
}

/** What one element of an array must satisfy: operators, or conditions on its fields. */
function elementFilter (condition) {
  if (condition instanceof Query) return operatorValue(condition)
  if (condition instanceof Logic) {
    const plain = condition.operands.some(o => isNested(o) && !isRaw(o))
    return plain ? compileFilter(condition) : mergeLogic(condition)
  }
  if (!isNested(condition)) throw invalid('elemMatch needs a condition')
  const clauses = []
  for (const key of Object.keys(condition)) {
    const value = condition[key]
    if (value === undefined) continue
    // Inside an element nested objects are compared whole, as the platform's own SDK does.
    const clause = key[0] === '$' ? rawClause(key, value) : fieldClause(key, value)
    if (clause !== undefined) clauses.push(clause)
  }
  return join(clauses)
}

/** {$gt: 1} and {$lt: 4} side by side; only `and` and `not` can be said without naming a field. */
function mergeLogic ({ operator, operands }) {
  if (operator === '$not') return { $not: notOperand(operands[0]) }
  const parts = operands.map(operand => encode(operand, operatorValue))
  if (operator === '$and') {
    const keys = parts.flatMap(part => part !== null && typeof part === 'object' ? Object.keys(part) : ['value'])
    if (keys.every(key => key[0] === '$') && new Set(keys).size === keys.length) return Object.assign({}, ...parts)
  }
  throw invalid(`${operator} cannot be used for an element of an array`)
}

/** One filter out of clauses; what would overwrite an earlier clause goes into $and. */
function join (clauses) {
  const filter = {}
  const rest = []
  for (const clause of clauses) {
    const [key] = Object.keys(clause)
    if (key === '$and') rest.push(...clause.$and)
    else if (Object.prototype.hasOwnProperty.call(filter, key)) rest.push(clause)
    else assign(filter, key, clause[key])
  }
  if (rest.length > 0) filter.$and = rest
  return filter
}

module.exports = { compileFilter, operatorValue, elementFilter }
