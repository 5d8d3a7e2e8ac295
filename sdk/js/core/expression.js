'use strict'

// Every aggregate operator takes one argument, which becomes its value: $.sum('$n') is {$sum: '$n'}.
// Several arguments become an array, so $.add('$a', 1) reads like $.add(['$a', 1]).
const names = [
  // arithmetic
  'abs', 'add', 'ceil', 'divide', 'exp', 'floor', 'ln', 'log', 'log10', 'mod', 'multiply', 'pow', 'round', 'sqrt', 'subtract', 'trunc',
  // arrays
  'arrayElemAt', 'arrayToObject', 'concatArrays', 'filter', 'in', 'indexOfArray', 'isArray', 'map', 'range', 'reduce',
  'reverseArray', 'size', 'slice', 'zip',
  // boolean, comparison, conditional
  'and', 'not', 'or', 'cmp', 'eq', 'gt', 'gte', 'lt', 'lte', 'cond', 'ifNull', 'switch',
  // dates
  'dateFromParts', 'dateFromString', 'dateToParts', 'dateToString', 'dayOfMonth', 'dayOfWeek', 'dayOfYear', 'hour', 'isoDayOfWeek',
  'isoWeek', 'isoWeekYear', 'millisecond', 'minute', 'month', 'second', 'week', 'year',
  // literals, objects, sets
  'literal', 'mergeObjects', 'objectToArray', 'allElementsTrue', 'anyElementTrue', 'setDifference', 'setEquals', 'setIntersection',
  'setIsSubset', 'setUnion',
  // strings
  'concat', 'indexOfBytes', 'indexOfCP', 'ltrim', 'rtrim', 'trim', 'split', 'strLenBytes', 'strLenCP', 'strcasecmp', 'substr',
  'substrBytes', 'substrCP', 'toLower', 'toUpper', 'regexFind', 'regexFindAll', 'regexMatch', 'replaceOne', 'replaceAll',
  // types
  'convert', 'toBool', 'toDate', 'toDecimal', 'toDouble', 'toInt', 'toLong', 'toObjectId', 'toString', 'type',
  // text, accumulators, variables
  'meta', 'addToSet', 'avg', 'first', 'last', 'max', 'min', 'push', 'stdDevPop', 'stdDevSamp', 'sum', 'let',
  // beyond what wx.cloud knows
  'dateAdd', 'dateDiff', 'dateSubtract', 'dateTrunc', 'tsIncrement', 'tsSecond', 'firstN', 'lastN', 'maxN', 'minN', 'sortArray', 'getField',
  'setField', 'unsetField', 'isNumber', 'bitAnd', 'bitOr', 'bitXor', 'bitNot', 'binarySize', 'bsonSize', 'rand', 'top', 'topN', 'bottom',
  'bottomN', 'count', 'median', 'percentile', 'covariancePop', 'covarianceSamp', 'denseRank', 'derivative', 'documentNumber', 'expMovingAvg',
  'integral', 'linearFill', 'locf', 'rank', 'shift'
]

const operator = name => (...values) => ({ [name]: values.length > 1 ? values : values[0] })

/** The object `$`, also known as db.command.aggregate. `$.pipeline` is added by aggregate.js. */
const aggregateOperators = { neq: operator('$ne') }
for (const name of names) aggregateOperators[name] = operator('$' + name)

module.exports = { aggregateOperators }
