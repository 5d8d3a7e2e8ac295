'use strict'
// Fields of a log line: an object that code prints keeps its members, as JSON that is bounded however large the object is.
const DEPTH = 4 // of objects in objects
const VALUES = 200 // of all
const TEXT_LIMIT = 1024 // characters of one
const LIMIT = 8 * 1024 // characters of all
const stringify = JSON.stringify

/** fieldsOf returns the members of a plain object as JSON, or null if it is none, has none or too many. */
function fieldsOf (value) {
  if (!isPlain(value)) return null
  try {
    const json = stringify(members(value, { left: VALUES }, 1))
    return json.length > 2 && json.length <= LIMIT ? json : null
  } catch { // a log line must never fail the function
    return null
  }
}

function isPlain (value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false
  try {
    const prototype = Object.getPrototypeOf(value)
    return prototype === Object.prototype || prototype === null
  } catch {
    return false
  }
}

/** Like inspection, this runs no getters. */
function members (object, room, depth) {
  const result = Object.create(null)
  for (const key of Object.keys(object)) {
    if (room.left <= 0) break
    const own = Object.getOwnPropertyDescriptor(object, key)
    const value = own === undefined || !('value' in own) ? undefined : plain(own.value, room, depth)
    if (value !== undefined) result[key.slice(0, TEXT_LIMIT)] = value
  }
  return result
}

function plain (value, room, depth) {
  room.left--
  switch (typeof value) {
    case 'string':
      return value.slice(0, TEXT_LIMIT)
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'boolean':
      return value
    case 'bigint':
      return String(value)
    case 'object':
      break
    default:
      return undefined
  }
  if (value === null) return null
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof Error) return String(value.message).slice(0, TEXT_LIMIT)
  if (depth >= DEPTH) return undefined
  if (isPlain(value)) return members(value, room, depth + 1)
  if (!Array.isArray(value)) return undefined
  const list = []
  for (let i = 0; i < value.length && room.left > 0; i++) {
    const item = plain(value[i], room, depth + 1)
    if (item !== undefined) list.push(item)
  }
  return list
}

module.exports = { fieldsOf }
