'use strict'

const { encode, isNested } = require('./ejson')
const { aggregateOperators } = require('./expression')
const { compileFilter, operatorValue } = require('./filter')
const { ofReason } = require('./errors')

const value = argument => encode(argument, operatorValue)

/** Stages that need more than passing their argument on. */
const special = {
  match: compileFilter,
  sample: argument => value(typeof argument === 'number' ? { size: argument } : argument),
  geoNear: argument => value(withQuery(argument)),
  lookup: argument => value(withPipeline(argument)),
  unionWith: argument => value(withPipeline(argument)),
  facet: argument => {
    const facets = {}
    for (const name of Object.keys(argument)) facets[name] = value(stagesOf(argument[name]))
    return facets
  }
}

const names = [
  'addFields', 'bucket', 'bucketAuto', 'collStats', 'count', 'densify', 'facet', 'fill', 'geoNear', 'graphLookup', 'group', 'indexStats',
  'limit', 'lookup', 'match', 'merge', 'out', 'project', 'redact', 'replaceRoot', 'replaceWith', 'sample', 'set', 'setWindowFields', 'skip', 'sort',
  'sortByCount', 'unionWith', 'unset', 'unwind'
]

function withQuery (options) {
  if (!isNested(options)) throw ofReason('geoNear', 'invalid_pipeline', 'geoNear needs an object')
  return options.query === undefined ? options : { ...options, query: compileFilter(options.query) }
}

function withPipeline (options) {
  if (!isNested(options) || options.pipeline === undefined) return options
  return { ...options, pipeline: stagesOf(options.pipeline) }
}

/** `pipeline` written with $.pipeline() with or without done(), or as raw stages. */
const stagesOf = pipeline => pipeline instanceof Pipeline ? pipeline.done() : pipeline

/** Stages without a collection: $.pipeline(). Each stage method returns the same object. */
class Pipeline {
  constructor () {
    Object.defineProperty(this, 'stages', { value: [] })
  }

  /** @returns {object[]} the stages so far, for `lookup` and `facet` */
  done () {
    return this.stages.slice()
  }
}
for (const name of names) {
  Pipeline.prototype[name] = function (argument) {
    const compile = special[name] || value
    const compiled = compile(argument)
    this.stages.push({ ['$' + name]: compiled === undefined ? {} : compiled })
    return this
  }
}

/** Stages over one collection: collection.aggregate(). */
class Aggregate extends Pipeline {
  /** @param {function(object[], *): Promise} run sends the stages */
  constructor (run) {
    super()
    Object.defineProperty(this, 'run', { value: run })
  }

  /** @param {object} [options] success, fail and complete callbacks where the platform has them */
  end (options) {
    return this.run(this.done(), options)
  }
}

aggregateOperators.pipeline = () => new Pipeline()

module.exports = { Aggregate, Pipeline }
