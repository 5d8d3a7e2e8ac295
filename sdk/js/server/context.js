'use strict'

const names = {
  memory_limit_in_mb: 'memoryLimitInMb',
  time_limit_in_ms: 'timeLimitIns',
  request_id: 'requestId',
  function_version: 'functionVersion',
  function_name: 'functionName',
  namespace: 'namespace'
}

/**
 * The second argument of a function in the spelling of the CloudBase packages.
 * @param {object} context
 * @returns {object} memoryLimitInMb, timeLimitIns (milliseconds), requestId, functionVersion, functionName, namespace, environ
 */
function parseContext (context) {
  if (context === null || typeof context !== 'object') throw new TypeError('context must be the second argument of the function')
  const parsed = {}
  for (const name of Object.keys(names)) if (context[name] !== undefined) parsed[names[name]] = context[name]
  parsed.environ = environment(context)
  return parsed
}

function environment ({ environment, environ }) {
  if (environment) return typeof environment === 'string' ? JSON.parse(environment) : { ...environment }
  const values = {}
  for (const pair of typeof environ === 'string' ? environ.split(';') : []) {
    const at = pair.indexOf('=')
    if (at > 0) values[pair.slice(0, at)] = pair.slice(at + 1)
  }
  return values
}

module.exports = { parseContext }
