'use strict'

const { Database } = require('../core/database')
const { tcbDialect, tcbError } = require('../core/dialect-tcb')
const { run } = require('../core/run')
const { unsupported } = require('../core/errors')
const { fileRequests, requireString } = require('../core/files')
const { upload, download } = require('./transfer')
const { parseContext } = require('./context')
const { createModels } = require('./models')
const { callPlain } = require('./wechat')

const SYMBOL_CURRENT_ENV = Symbol('SYMBOL_CURRENT_ENV')
const DEFAULT_LIMIT = 100

// Calls that exist in these packages but not here.
const missing = [
  'callWxPayApi', 'wxCallContainerApi', 'callCompatibleWxOpenApi', 'callContainer', 'callApis', 'getUploadMetadata',
  'getFileAuthority', 'copyFile', 'invokeExtension', 'getTemporaryCredential', 'analytics'
]

/** The app object that init() gives. */
function createApp (platform, dialect) {
  const api = (name, work) => options => run(dialect, name, options, () => work(options || {}))
  const app = {
    config: { get envName () { return platform.context().env } },
    database: () => new Database({ call: platform.call, dialect, defaultLimit: DEFAULT_LIMIT }),
    auth: () => createAuth(platform),
    logger: () => platform.logger(),
    getCurrentEnv: () => platform.context().env,
    parseContext,
    callFunction: api('callFunction', ({ name, data }) => platform.invoke(requireString('callFunction', 'name', name), data)),
    uploadFile: api('uploadFile', options => upload(platform, options)),
    downloadFile: api('downloadFile', options => download(platform, options)),
    getTempFileURL: api('getTempFileURL', ({ fileList }) => platform.call('files.urls', { files: fileRequests('getTempFileURL', fileList) })),
    deleteFile: api('deleteFile', ({ fileList }) =>
      platform.call('files.delete', { fileIds: fileRequests('deleteFile', fileList).map(file => file.fileId) })),
    callWxOpenApi: api('callWxOpenApi', async ({ apiName, requestData }) => ({ result: await callPlain(platform, 'callWxOpenApi', apiName, requestData) })),
    models: createModels(platform, dialect),
    registerExtension () {}
  }
  for (const name of missing) app[name] = () => Promise.reject(tcbError(unsupported(name)))
  return app
}

function createAuth (platform) {
  const getUserInfo = () => {
    const { caller } = platform.context()
    return {
      openId: caller.openId || '',
      appId: caller.appId || '',
      uid: caller.userId || '',
      customUserId: caller.provider === 'custom' ? caller.userId || '' : '',
      isAnonymous: Boolean(caller.isAnonymous)
    }
  }
  return {
    getUserInfo,
    async getEndUserInfo (uid) {
      const userInfo = getUserInfo()
      if (uid && uid !== userInfo.uid) throw tcbError(unsupported('getEndUserInfo', 'getEndUserInfo of another user is not available here'))
      return { userInfo, requestId: platform.requestId() }
    },
    async getAuthContext () {
      const { uid, openId } = getUserInfo()
      return { uid, openId, loginType: (platform.context().caller.provider || '').toUpperCase() }
    },
    getClientIP: () => platform.context().caller.clientIp || '',
    queryUserInfo: () => Promise.reject(tcbError(unsupported('queryUserInfo'))),
    createTicket () { throw tcbError(unsupported('createTicket', 'createTicket is not available here: users sign in through the auth API')) }
  }
}

/**
 * The module that functions get for `require('@cloudbase/node-sdk')`.
 * @param {import('./host').Platform} platform
 */
function createNodeSdk (platform) {
  const dialect = tcbDialect({ requestId: platform.requestId })
  const init = () => createApp(platform, dialect)
  const sdk = {
    version: '2.11.0-yunduo',
    SYMBOL_CURRENT_ENV,
    SYMBOL_DEFAULT_ENV: SYMBOL_CURRENT_ENV,
    init,
    parseContext,
    getCloudbaseContext: () => cloudbaseContext(platform.context()),
    request: () => Promise.reject(tcbError(unsupported('request')))
  }
  return Object.assign(sdk, { default: sdk })
}

/**
 * The module that functions get for `require('tcb-admin-node')`: it can be used before and after init(), and failures
 * resolve to {code, message, requestId} as that package does.
 * @param {import('./host').Platform} platform
 */
function createAdminSdk (platform) {
  const dialect = tcbDialect({ requestId: platform.requestId, resolveErrors: true })
  const app = createApp(platform, dialect)
  return Object.assign(app, { SYMBOL_CURRENT_ENV, init: () => createApp(platform, dialect) })
}

/** Variables that the platform keeps per request. */
function cloudbaseContext ({ caller, env, source }) {
  const values = {
    TCB_ENV: env,
    SCF_NAMESPACE: env,
    TCB_SOURCE: source,
    TCB_SOURCE_IP: caller.clientIp,
    TCB_UUID: caller.userId,
    TCB_ISANONYMOUS_USER: caller.isAnonymous === undefined ? undefined : String(Boolean(caller.isAnonymous)),
    WX_OPENID: caller.openId,
    WX_APPID: caller.appId,
    WX_UNIONID: caller.unionId
  }
  for (const key of Object.keys(values)) if (values[key] === undefined) delete values[key]
  return values
}

module.exports = { createNodeSdk, createAdminSdk }
