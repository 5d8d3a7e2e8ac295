'use strict'

const { encode, isNested, assign, requireDepth } = require('./ejson')
const { Command, Update } = require('./command')
const { operatorValue, elementFilter } = require('./filter')
const { ofReason } = require('./errors')

/**
 * The data of update() as MongoDB update operators in extended JSON. Plain values are set, nested objects are
 * merged field by field (so an empty object changes nothing), `_.set(x)` replaces whole, undefined is dropped.
 * @param {object} data
 */
function compileUpdate (data) {
  if (!isNested(data)) throw ofReason('update', 'invalid_request', 'data must be an object')
  const update = {}
  for (const key of Object.keys(data)) {
    if (data[key] === undefined) continue
    if (key === '_id') throw ofReason('update', 'invalid_request', '_id cannot be changed')
    if (key[0] === '$') Object.assign(group(update, key), encode(data[key], operatorValue))
    else change(update, key, data[key])
  }
  return update
}

const group = (update, operator) => update[operator] || (update[operator] = {})

function change (update, path, value, depth = 0) {
  requireDepth(depth)
  if (value instanceof Update) return apply(update, path, value)
  if (isNested(value) && !Object.keys(value).some(key => key[0] === '$')) {
    for (const key of Object.keys(value)) change(update, `${path}.${key}`, value[key], depth + 1)
    return
  }
  if (value instanceof Command) throw ofReason('update', 'invalid_update', `${path}: ${value.operator} is a condition and changes nothing`)
  const encoded = encode(value)
  if (encoded !== undefined) assign(group(update, '$set'), path, encoded)
}

function apply (update, path, { operator, operands: [operand] }) {
  const encoded = operator === '$pull' ? pullCondition(operand) : encode(operand)
  if (encoded === undefined) throw ofReason('update', 'invalid_update', `${path}: ${operator} needs a value`)
  assign(group(update, operator), path, encoded)
}

/** A value, a command for plain elements, or an object of conditions on the fields of an element. */
function pullCondition (operand) {
  if (operand instanceof Command || isNested(operand)) return elementFilter(operand)
  return encode(operand)
}

/** A whole document for add() and set(): no operators anywhere. */
function compileDocument (data) {
  if (!isNested(data)) throw ofReason('document', 'invalid_request', 'data must be an object')
  for (const key of Object.keys(data)) {
    // The server would take such a document for a list of update operators.
    if (key[0] === '$') throw ofReason('document', 'invalid_document', `a field of a document cannot be called ${key}`)
  }
  return encode(data)
}

module.exports = { compileUpdate, compileDocument }
