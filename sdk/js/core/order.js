'use strict'

// The order of the database among values as they travel. It puts a watched result in the order that a query has.

function rank (value) {
  if (value === undefined || value === null) return 1
  switch (typeof value) {
    case 'number': return 2
    case 'string': return 3
    case 'boolean': return 8
  }
  if (Array.isArray(value)) return 5
  if ('$numberDouble' in value || '$numberLong' in value || '$numberInt' in value || '$numberDecimal' in value) return 2
  if ('$minKey' in value) return 0
  if ('$binary' in value || '$uuid' in value) return 6
  if ('$oid' in value) return 7
  if ('$date' in value) return 9
  if ('$timestamp' in value) return 10
  if ('$regularExpression' in value) return 11
  if ('$maxKey' in value) return 12
  return 4
}

function number (value) {
  if (typeof value === 'number') return value
  return Number(value.$numberDouble || value.$numberLong || value.$numberInt || value.$numberDecimal)
}

function time ({ $date }) {
  return typeof $date === 'object' ? number($date) : Date.parse($date)
}

const order = (a, b) => a < b ? -1 : a > b ? 1 : 0

/** Texts by code point, as their bytes compare; JavaScript compares halves of large ones. */
function compareTexts (a, b) {
  const [x, y] = [a[Symbol.iterator](), b[Symbol.iterator]()]
  for (;;) {
    const [left, right] = [x.next(), y.next()]
    if (left.done || right.done) return order(Number(!left.done), Number(!right.done))
    if (left.value !== right.value) return order(left.value.codePointAt(0), right.value.codePointAt(0))
  }
}

/** NaN is the smallest number. */
function compareNumbers (a, b) {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a))
  return order(a, b)
}

/** @returns {function(string, string): number} the order of texts that a collation asks for */
function textsBy ({ locale, strength = 3, caseLevel, numericOrdering, alternate }) {
  const sensitivity = strength > 2 ? 'variant' : strength === 2 ? 'accent' : caseLevel ? 'case' : 'base'
  try {
    return new Intl.Collator(locale.replace(/_/g, '-'), { sensitivity, numeric: !!numericOrdering, ignorePunctuation: alternate === 'shifted' }).compare
  } catch {
    return compareTexts // the server says what is wrong with the locale
  }
}

/**
 * @param {function(string, string): number} texts orders texts
 * @returns {function(any, any): number} the order of all values
 */
function orderOf (texts) {
  function lists (a, b) {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const found = values(a[i], b[i])
      if (found !== 0) return found
    }
    return order(a.length, b.length)
  }

  /** Type, name and value of one field after another; names are no texts of a language. */
  function objects (a, b) {
    const [x, y] = [Object.keys(a), Object.keys(b)]
    for (let i = 0; i < Math.min(x.length, y.length); i++) {
      const found = order(rank(a[x[i]]), rank(b[y[i]])) || compareTexts(x[i], y[i]) || values(a[x[i]], b[y[i]])
      if (found !== 0) return found
    }
    return order(x.length, y.length)
  }

  function values (a, b) {
    const kind = rank(a)
    if (kind !== rank(b)) return order(kind, rank(b))
    switch (kind) {
      case 0: case 1: case 12: return 0
      case 2: return compareNumbers(number(a), number(b))
      case 3: return texts(a, b)
      case 5: return lists(a, b)
      case 7: return order(a.$oid, b.$oid)
      case 8: return order(Number(a), Number(b))
      case 9: return order(time(a), time(b))
      case 4: return objects(a, b)
    }
    return order(JSON.stringify(a), JSON.stringify(b))
  }

  return values
}

const compareValues = orderOf(compareTexts)

/** The values at a path: one, or those of the elements when an array is on the way or at the end. */
function valuesAt (value, parts) {
  if (parts.length === 0) return Array.isArray(value) && value.length > 0 ? value : [value]
  if (Array.isArray(value)) {
    const direct = /^\d+$/.test(parts[0]) ? valuesAt(value[parts[0]], parts.slice(1)) : []
    const inside = value.filter(item => rank(item) === 4).map(item => valuesAt(item, parts))
    return direct.concat(...inside)
  }
  return rank(value) === 4 ? valuesAt(value[parts[0]], parts.slice(1)) : [undefined]
}

/** The value by which a document is sorted: the smallest of an array, or the greatest when descending. */
function key (document, parts, direction, compare) {
  const values = valuesAt(document, parts)
  return values.reduce((best, value) => compare(value, best) * direction < 0 ? value : best, values[0])
}

/**
 * @param {Object<string, number>} [sort] path -> 1 or -1; equal documents are ordered by _id
 * @param {object} [collation] how texts compare; by code point without one
 * @returns {function(object, object): number}
 */
function compareBy (sort = {}, collation) {
  const compare = sort && collation && collation.locale && collation.locale !== 'simple' ? orderOf(textsBy(collation)) : compareValues
  const fields = Object.keys(sort).map(path => [path.split('.'), sort[path]])
  return (a, b) => {
    for (const [parts, direction] of fields) {
      const found = compare(key(a, parts, direction, compare), key(b, parts, direction, compare)) * direction
      if (found !== 0) return found
    }
    return compareValues(a._id, b._id)
  }
}

module.exports = { compareBy, compareValues }
