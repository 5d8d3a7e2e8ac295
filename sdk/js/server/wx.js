'use strict'

const { Database } = require('../core/database')
const { wxDialect } = require('../core/dialect-wx')
const { run } = require('../core/run')
const { fileRequests, requireString } = require('../core/files')
const { upload, download } = require('./transfer')
const { createModels } = require('./models')
const { missing, rejecting } = require('./unsupported')
const { createOpenAPI, createCloudPay, getOpenData, callPlain } = require('./wechat')

const DYNAMIC_CURRENT_ENV = Symbol('DYNAMIC_CURRENT_ENV')
const DEFAULT_LIMIT = 100

/**
 * The module that functions get for `require('wx-server-sdk')`.
 * Environment IDs given to init() or to single calls all mean the app that the function belongs to.
 * @param {import('./host').Platform} platform
 */
function createWxServerSdk (platform) {
  const config = {}
  const dialect = wxDialect()
  const api = (name, work) => options => run(dialect, name, options, () => work(options || {}))

  const cloud = {
    version: '3.0.4-yunduo', // code compares the leading numbers
    DYNAMIC_CURRENT_ENV,
    init (options) { Object.assign(config, options) },
    updateConfig (options) { Object.assign(config, options) },
    registerService (provider) { register(cloud, provider) },
    createNewInstance () { return createWxServerSdk(platform) },
    // A plain function: with `new` it returns an instance of its own. Resources of other accounts do not exist here.
    Cloud: function () { return createWxServerSdk(platform) },

    getWXContext: () => wxContext(platform.context()),
    logger: () => platform.logger(),

    database (options) {
      const { throwOnNotFound = config.throwOnNotFound } = Object(options)
      return new Database({ call: platform.call, dialect: wxDialect({ throwOnNotFound }), defaultLimit: DEFAULT_LIMIT })
    },
    callFunction: api('callFunction', ({ name, data }) => platform.invoke(requireString('callFunction', 'name', name), data)),
    uploadFile: api('uploadFile', options => upload(platform, options)),
    downloadFile: api('downloadFile', options => download(platform, options)),
    getTempFileURL: api('getTempFileURL', ({ fileList }) => platform.call('files.urls', { files: fileRequests('getTempFileURL', fileList) })),
    deleteFile: api('deleteFile', ({ fileList }) =>
      platform.call('files.delete', { fileIds: fileRequests('deleteFile', fileList).map(file => file.fileId) })),

    openapi: createOpenAPI(platform),
    cloudPay: createCloudPay(platform),
    getOpenData: api('getOpenData', options => getOpenData(platform, options)),
    callOpenAPI: api('callOpenAPI', async ({ api, data }) => ({ result: await callPlain(platform, 'callOpenAPI', api, data) })),
    models: createModels(platform, dialect),
    extend: missing('extend'),
    callContainer: rejecting('callContainer'),
    getVoIPSign: rejecting('getVoIPSign'),
    getCloudCallSign: rejecting('getCloudCallSign'),
    signature: rejecting('signature')
  }
  return cloud
}

/** Values known for this caller only, as on the platform: a timer has no OPENID at all. */
function wxContext ({ caller, env, source, requestId }) {
  const values = {
    OPENID: caller.openId,
    APPID: caller.appId,
    UNIONID: caller.unionId,
    FROM_OPENID: caller.fromOpenId,
    UID: caller.userId,
    CLIENTIP: caller.clientIp,
    ENV: env,
    SOURCE: source,
    REQUESTID: requestId
  }
  for (const key of Object.keys(values)) if (!values[key]) delete values[key]
  return values
}

/** Adds what a service package offers: single functions, or a namespace of them. */
function register (cloud, provider) {
  const service = provider.createService(Object.create(cloud, { getAPIs: { value: () => cloud } }))
  if (typeof service.getAPIs === 'function') Object.assign(cloud, service.getAPIs())
  else if (typeof service.getNamespace === 'function') {
    const { namespace: name, apis } = service.getNamespace()
    cloud[name] = apis
  }
}

module.exports = { createWxServerSdk }
