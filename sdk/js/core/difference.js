'use strict'

/** Whether a value as it travels is a document and not one value in braces, such as a date. */
function isDocument (value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const [first] = Object.keys(value)
  return first === undefined || first[0] !== '$'
}

/**
 * What an update did, as the platform's own SDK tells it: dotted paths with new values, and paths that are gone.
 * @returns {{updatedFields: object, removedFields: string[]}}
 */
function difference (before, after) {
  const updatedFields = {}
  const removedFields = []
  compare(before, after, '', updatedFields, removedFields)
  return { updatedFields, removedFields }
}

function compare (before, after, prefix, updated, removed) {
  for (const key of Object.keys(before)) if (!(key in after)) removed.push(prefix + key)
  for (const key of Object.keys(after)) {
    const [old, value] = [before[key], after[key]]
    if (isDocument(old) && isDocument(value)) compare(old, value, `${prefix}${key}.`, updated, removed)
    else if (JSON.stringify(old) !== JSON.stringify(value)) updated[prefix + key] = value
  }
}

module.exports = { difference }
