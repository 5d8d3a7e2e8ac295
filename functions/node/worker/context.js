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

/** The second parameter of the handler. reply(error, value) answers for code in the old callback style. */
function handlerContext (settings, meta, reply) {
  const variables = () => ({ ...platformVariables(settings), ...callerVariables(meta) })
  const context = {
    request_id: meta.requestId,
    requestId: meta.requestId,
    function_name: settings.function,
    function_version: settings.version,
    namespace: settings.app,
    memory_limit_in_mb: settings.memoryMB,
    time_limit_in_ms: settings.timeoutMs,
    tencentcloud_region: 'local',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(0, meta.deadline - Date.now()),
    getContext: () => context,
    done: (error, value) => reply(error, value),
    succeed: value => reply(null, value),
    fail: error => reply(error === undefined || error === null ? new Error('the function called context.fail()') : error),
    // Built only when somebody reads them: most handlers do not.
    get environment () { return own(context, 'environment', stringify(variables())) },
    set environment (value) { own(context, 'environment', value) },
    get environ () { return own(context, 'environ', Object.entries(variables()).map(([k, v]) => `${k}=${v}`).join(';')) },
    set environ (value) { own(context, 'environ', value) }
  }
  return context
}

function own (object, key, value) {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  return value
}

module.exports = { platformVariables, callerVariables, withUserInfo, handlerContext }
