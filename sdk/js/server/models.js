'use strict'

const { runModel } = require('../core/models')
const { failure } = require('../core/errors')
const { namespace } = require('./namespace')

/**
 * cloud.models: models.NAME.METHOD(parameters)
 * @param {import('./host').Platform} platform
 * @param {object} dialect what errors look like
 */
function createModels (platform, dialect) {
  return namespace(async (path, options, params) => {
    const api = `models.${path.join('.')}`
    try {
      return await runModel(platform, path.slice(0, -1).join('.'), path.length === 2 ? path[1] : path.join('.'), params)
    } catch (error) {
      return dialect.failed(api, failure(api, error))
    }
  })
}

module.exports = { createModels }
