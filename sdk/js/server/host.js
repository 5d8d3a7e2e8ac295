'use strict'

const { failure } = require('../core/errors')
const { DATA_MODELS, serveModels } = require('../core/models')

/**
 * What the function's process gives the SDK.
 * @typedef {object} Host
 * @property {function(string, object, Uint8Array=): Promise<{response: object, attachment: Uint8Array}>} call runs one
 *   operation as the caller of the running request; rejects with {code, reason, message, requestId, retryable, errCode}
 * @property {function(): (object|null)} context {requestId, functionName, caller: {openId, unionId, appId, userId, provider,
 *   isAnonymous, clientIp, fromOpenId}, env, source, deadline} of the running request; null while modules load
 * @property {function(string, string): void} log level (info, warn, error) and message
 * @property {string} [env] the app, where it is known before the first request
 */

// What starts a function, in the words of wx-server-sdk. A call from another function names the chain.
const sources = {
  client: user => user ? 'wx_client' : 'client',
  function: user => user ? 'wx_client,scf' : 'scf',
  timer: () => 'wx_trigger',
  wechat: () => 'wx_unknown'
}
const sourceOf = (source, user) => Object.hasOwn(sources, source) ? sources[source](user) : source

/** A Host with the conveniences that both SDK flavours share. One per slot. */
class Platform {
  /** @param {Host} host */
  constructor (host) {
    this.host = host
    this.call = this.call.bind(this)
    this.requestId = this.requestId.bind(this)
    this.lastEnv = host.env
  }

  /** @returns {Promise<object>} the reply without its bytes */
  async call (operation, request) {
    return (await this.host.call(operation, request)).response
  }

  /** @returns {Promise<{response: object, attachment: Uint8Array}>} */
  callWithBytes (operation, request, bytes) {
    return this.host.call(operation, request, bytes)
  }

  /** Never throws: modules may ask while they load, when there is no request. */
  context () {
    const context = this.host.context() || {}
    if (context.env) this.lastEnv = context.env
    const caller = context.caller || {}
    return { ...context, caller, env: this.env(context), source: sourceOf(context.source, caller.openId) }
  }

  requestId () {
    return this.context().requestId || ''
  }

  env (context) {
    return context.env || this.lastEnv || process.env.TCB_ENV || process.env.SCF_NAMESPACE || ''
  }

  /** Runs another function of the app; its data is plain JSON, not extended JSON. */
  async invoke (name, data) {
    const { result } = await this.call('functions.invoke', { name, data: data === undefined ? {} : data }).catch(async error => {
      if (name !== DATA_MODELS || error.reason !== 'function_not_found') throw error
      return { result: await serveModels(this, Object(data)) }
    })
    return { result: result === undefined ? null : result, requestId: this.requestId() }
  }

  /** A logger as cloud.logger() and app.logger() give it. */
  logger () {
    const write = level => value => this.host.log(level, text(value), value)
    return { log: write('info'), info: write('info'), warn: write('warn'), error: write('error') }
  }
}

function text (value) {
  if (typeof value === 'string') return value
  try {
    return JSON.stringify(value) || String(value)
  } catch (error) { // circular: a log line must never fail the function
    return `${String(value)} (${failure('logger', error).detail})`
  }
}

module.exports = { Platform }
