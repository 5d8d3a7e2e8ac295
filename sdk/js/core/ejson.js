'use strict'

const { ofReason } = require('./errors')
const { ServerDate, DatabaseRegExp, isDate, isRegExp } = require('./values')
const { Geometry, fromGeoJSON } = require('./geo')
const { isBytes, toBase64, fromBase64 } = require('./bytes')

// A server refuses deeper documents; the bound also ends circular objects.
const MAX_DEPTH = 100
const LAST_ISO_DATE = 253402300799999 // end of the year 9999

/** Commands (`_.gt(1)`) implement this symbol: how they read where a value is expected. */
const COMMAND = Symbol('command')

/**
 * A JavaScript value as relaxed extended JSON: only types that JSON has. Encoding twice changes nothing.
 * @param {*} value undefined, functions and symbols encode to undefined
 * @param {function(object): *} [onCommand] what stands for a command; without it a command is refused
 */
function encode (value, onCommand = refuseCommand, depth = 0) {
  switch (typeof value) {
    case 'string':
    case 'boolean': return value
    case 'number': return encodeNumber(value)
    case 'bigint': return { $numberLong: String(BigInt.asIntN(64, value) === value ? value : tooLarge(value)) }
    case 'object': return value === null ? null : encodeObject(value, onCommand, depth)
    default: return undefined
  }
}

function requireDepth (depth) {
  if (depth > MAX_DEPTH) throw ofReason('encode', 'invalid_document', `the value is circular or nested deeper than ${MAX_DEPTH} levels`)
}

function encodeNumber (n) {
  if (Number.isFinite(n)) return Object.is(n, -0) ? 0 : n
  return { $numberDouble: Number.isNaN(n) ? 'NaN' : n > 0 ? 'Infinity' : '-Infinity' }
}

function encodeObject (value, onCommand, depth) {
  requireDepth(depth)
  if (value[COMMAND]) return onCommand(value)
  if (Array.isArray(value)) {
    return value.map(item => {
      const encoded = encode(item, onCommand, depth + 1)
      return encoded === undefined ? null : encoded
    })
  }
  const special = encodeSpecial(value)
  if (special !== undefined) return special
  if (typeof value.toJSON === 'function') return encode(value.toJSON(), onCommand, depth + 1)
  const out = {}
  for (const key of Object.keys(value)) {
    const encoded = encode(value[key], onCommand, depth + 1)
    if (encoded !== undefined) assign(out, key, encoded)
  }
  return out
}

/** Objects that are one value; undefined for everything else. */
function encodeSpecial (value) {
  if (isDate(value)) return encodeDate(value)
  if (isRegExp(value)) return regularExpression(value.source, value.flags)
  if (value instanceof DatabaseRegExp) return regularExpression(value.regexp, value.options)
  if (value instanceof ServerDate) return { $serverDate: { offset: value.offset } }
  if (value instanceof Geometry) return value.toJSON()
  if (isBytes(value)) return { $binary: { base64: toBase64(value), subType: '00' } }
  // Boxed primitives and object IDs of other libraries.
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return encode(value.valueOf())
  if (/^Object(ID|Id)$/.test(value._bsontype) && typeof value.toHexString === 'function') return { $oid: value.toHexString() }
  return undefined
}

function encodeDate (date) {
  const ms = date.getTime()
  if (Number.isNaN(ms)) throw ofReason('encode', 'invalid_document', 'the value holds an invalid Date')
  return { $date: ms >= 0 && ms <= LAST_ISO_DATE ? date.toISOString() : { $numberLong: String(ms) } }
}

// Flags that only steer a JavaScript search (g, y, d, v) mean nothing to a database and spoil later reads.
function regularExpression (pattern, flags) {
  const options = [...new Set(flags)].filter(flag => 'imsxlu'.includes(flag)).sort().join('')
  return { $regularExpression: { pattern, options } }
}

function tooLarge (n) {
  throw ofReason('encode', 'invalid_document', `the integer ${n} does not fit into 64 bits`)
}

function refuseCommand (command) {
  throw ofReason('encode', 'invalid_document', `the operator ${command.operator} cannot be part of a plain value`)
}

/** Sets an own field even if it is called __proto__. */
function assign (target, key, value) {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  else target[key] = value
}

/** Extended JSON of a reply as JavaScript values. The tree is taken over and changed in place. */
function decode (value) {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = decode(value[i])
    return value
  }
  const keys = Object.keys(value)
  if (keys.length > 0 && keys[0][0] === '$' && wrappers[keys[0]]) return wrappers[keys[0]](value)
  for (const key of keys) {
    const field = value[key]
    if (field !== null && typeof field === 'object') assign(value, key, decode(field))
  }
  if (keys.length === 2 && typeof value.type === 'string' && 'coordinates' in value) {
    return fromGeoJSON(value.type, value.coordinates) || value
  }
  return value
}

const wrappers = {
  $date: v => new Date(v.$date && v.$date.$numberLong ? Number(v.$date.$numberLong) : v.$date),
  $oid: v => v.$oid,
  $uuid: v => v.$uuid,
  $numberInt: v => Number(v.$numberInt),
  $numberLong: v => Number(v.$numberLong),
  $numberDouble: v => Number(v.$numberDouble),
  $numberDecimal: v => Number(v.$numberDecimal),
  $binary: v => fromBase64(v.$binary.base64),
  $regularExpression: v => decodeRegExp(v.$regularExpression),
  $symbol: v => v.$symbol,
  $code: v => v.$code,
  $undefined: () => undefined
}

function decodeRegExp ({ pattern, options }) {
  try {
    return new RegExp(pattern, [...options].filter(o => 'imsu'.includes(o)).join(''))
  } catch (e) { // a pattern of the database's dialect that JavaScript does not know
    return new DatabaseRegExp({ regexp: pattern, options })
  }
}

/** Whether a value is descended into, field by field, when conditions and updates are flattened to dotted paths. */
function isNested (value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && !value[COMMAND] &&
    typeof value.toJSON !== 'function' && encodeSpecial(value) === undefined
}

module.exports = { encode, decode, isNested, assign, requireDepth, COMMAND }
