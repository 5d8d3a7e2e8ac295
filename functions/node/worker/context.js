'use strict'
// What a handler receives and what existing SDKs read from its surroundings.

const stringify = JSON.stringify

/**
 * The variables that are the same for every invocation.
 * settings: {app, function, version, env}
 */
function platformVariables (settings) {
  return {
    TZ: 'UTC',
    NODE_ENV: 'production',
    TENCENTCLOUD_RUNENV: 'SCF',
    TENCENTCLOUD_REGION: 'local',
    SCF_NAMESPACE: settings.app,
    SCF_FUNCTIONNAME: settings.function,
    SCF_FUNCTIONVERSION: settings.version,
    TCB_ENV: settings.app,
    _SCF_TCB_LOG: '1',
    TMPDIR: '/tmp',
    PORT: '9000',
    ...settings.env
  }
}

/** The variables that tell who is calling. meta is the context object of the invocation. */
function callerVariables (meta) {
  const caller = meta.caller
  const wx = {}
  if (caller.clientIp) wx.WX_CLIENTIP = caller.clientIp
  if (caller.appId) wx.WX_APPID = caller.appId
  if (caller.openId) wx.WX_OPENID = caller.openId
  if (caller.unionId) wx.WX_UNIONID = caller.unionId
  const tcb = {
    TCB_SEQID: meta.requestId,
    TCB_SOURCE: meta.source,
    TCB_SOURCE_IP: caller.clientIp || '',
    TCB_UUID: caller.userId || '',
    TCB_ISANONYMOUS_USER: caller.isAnonymous ? 'true' : 'false',
    TCB_CUSTOM_USER_ID: ''
  }
  return {
    ...wx,
    ...tcb,
    WX_CONTEXT_KEYS: Object.keys(wx).join(','),
    TCB_CONTEXT_KEYS: Object.keys(tcb).join(','),
    LOGINTYPE: caller.openId && caller.provider === 'wechat' ? 'WECHAT' : caller.isAnonymous ? 'ANONYMOUS' : caller.userId ? 'CUSTOM' : '',
    TRIGGER_SRC: meta.source === 'timer' ? 'timer' : '',
    ...meta.env
  }
}

/** The event as the handler sees it: with the end user's identity, which the caller cannot forge. */
function withUserInfo (event, meta) {
  if (event === null || typeof event !== 'object' || Array.isArray(event)) return event
  if (!meta.caller.openId || (meta.source !== 'client' && meta.source !== 'function')) return event
  const identity = { openId: meta.caller.openId, appId: meta.caller.appId }
  const own = event.userInfo
  if (own === undefined) event.userInfo = identity
  else if (own !== null && typeof own === 'object' && !Array.isArray(own)) Object.assign(own, identity)
  return event
}

/**
 * The second parameter of the handler. reply(error, value) answers for code in the old callback style. What is costly
 * to build is built when somebody reads it: most handlers do not.
 */
class HandlerContext {
  #settings
  #meta

  constructor (settings, meta, reply) {
    this.#settings = settings
    this.#meta = meta
    this.request_id = meta.requestId
    this.requestId = meta.requestId
    this.function_name = settings.function
    this.function_version = settings.version
    if (meta.traceparent) this.traceparent = meta.traceparent
    this.namespace = settings.app
    this.memory_limit_in_mb = settings.memoryMB
    this.time_limit_in_ms = settings.timeoutMs
    this.tencentcloud_region = 'local'
    this.callbackWaitsForEmptyEventLoop = false
    // Bound, for code that takes them out of the context.
    this.getRemainingTimeInMillis = () => Math.max(0, meta.deadline - Date.now())
    this.getContext = () => this
    this.done = (error, value) => reply(error, value)
    this.succeed = value => reply(null, value)
    this.fail = error => reply(error === undefined || error === null ? new Error('the function called context.fail()') : error)
  }

  #variables () {
    return { ...platformVariables(this.#settings), ...callerVariables(this.#meta) }
  }

  get environment () { return own(this, 'environment', stringify(this.#variables())) }
  set environment (value) { own(this, 'environment', value) }

  get environ () { return own(this, 'environ', Object.entries(this.#variables()).map(([k, v]) => `${k}=${v}`).join(';')) }
  set environ (value) { own(this, 'environ', value) }

  /** Handlers return the context now and then: all of it shows. */
  toJSON () {
    return { ...this, environment: this.environment, environ: this.environ }
  }
}

function own (object, key, value) {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  return value
}

module.exports = { platformVariables, callerVariables, withUserInfo, HandlerContext }
