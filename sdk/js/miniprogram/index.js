'use strict'

const { Http } = require('../core/http')
const { Session } = require('../core/session')
const { Client } = require('../core/client')
const { CloudError, local, unsupported } = require('../core/errors')
const { wxSend, wxStore, wxLoginCode, readFile, wxConnect, wxOnWake } = require('./platform')
const { upload, download } = require('./transfer')
const { run } = require('../core/run')
const { wxDialect } = require('../core/dialect-wx')

const DEFAULT_LIMIT = 20
const DYNAMIC_CURRENT_ENV = Symbol('DYNAMIC_CURRENT_ENV')

/** An encrypted open-data ID; it travels as {cloudID} where a plain value would stand. */
class CloudID {
  constructor (cloudID) {
    this.cloudID = cloudID
  }

  toJSON () {
    return { cloudID: this.cloudID }
  }
}

/** One connection to one app: what wx.cloud is, or an instance made with `new cloud.Cloud(...)`. */
class Cloud {
  /** @param {object} [options] as for init(); resourceEnv is understood as env */
  constructor (options) {
    Object.defineProperty(this, 'client', { value: null, writable: true })
    Object.defineProperty(this, 'session', { value: null, writable: true })
    Object.defineProperty(this, 'given', { value: options || {} })
    // A plain function, so that cloud.CloudID('x') works without `new`.
    this.CloudID = function (cloudID) { return new CloudID(cloudID) }
    this.Cloud = Cloud
    this.DYNAMIC_CURRENT_ENV = DYNAMIC_CURRENT_ENV
  }

  /**
   * @param {object} options
   * @param {string|object} options.env the app's ID; of {database, storage, functions} the first one given
   * @param {string} options.endpoint address of the server, https in production
   * @param {boolean} [options.traceUser] accepted for compatibility: every user is known by the login
   * @param {number} [options.timeout] milliseconds per request, 60,000 unless given
   * @returns {Promise<void>} nothing needs to wait for it
   */
  init (options) {
    const { env, resourceEnv, endpoint, timeout = 60000 } = { ...this.given, ...options }
    const app = appOf(env) || appOf(resourceEnv)
    if (!app) throw local('cloud.init', 'env must be the ID of your app')
    const http = new Http({ endpoint, send: wxSend, timeout })
    const session = new Session({
      http, app, store: wxStore(`yunduo:${http.endpoint}:${app}`), login: async () => ({ provider: 'wechat', credential: { code: await wxLoginCode() } })
    })
    this.session = session
    this.client = new Client({ app, http, token: refused => session.token(refused), defaultLimit: DEFAULT_LIMIT, prefix: 'cloud.', connect: wxConnect, onWake: wxOnWake })
    return Promise.resolve()
  }

  database (options) {
    return this.ready('database').database(options)
  }

  /** @param {{name: string, data: object}} options and success, fail, complete */
  callFunction (options) {
    return this.with('callFunction', options, client => client.callFunction(options))
  }

  getTempFileURL (options) {
    return this.with('getTempFileURL', options, client => client.getTempFileURL(options))
  }

  deleteFile (options) {
    return this.with('deleteFile', options, client => client.deleteFile(options))
  }

  /** @returns {Promise} which is also an upload task: abort(), onProgressUpdate(), offProgressUpdate() */
  uploadFile (options) {
    return upload(this, options, readFile)
  }

  /** @returns {Promise} which is also a download task */
  downloadFile (options) {
    return download(this, options)
  }

  callContainer (options) {
    return run(wxDialect(), 'cloud.callContainer', options, () => { throw unsupported('callContainer') })
  }

  ready (name) {
    if (!this.client) throw new CloudError({ errCode: -1, errMsg: `cloud.${name}:fail Cloud API isn't enabled, please call cloud.init first`, reason: 'invalid_request' })
    return this.client
  }

  /** Like `ready`, but for calls that report through promise and callbacks. */
  with (name, options, work) {
    return this.client ? work(this.client) : run(wxDialect(), `cloud.${name}`, options, () => this.ready(name))
  }
}

function appOf (env) {
  if (env === null || typeof env !== 'object') return typeof env === 'string' ? env : undefined
  return env.database || env.functions || env.storage
}

const cloud = new Cloud()
// Members are often taken off the object: const { callFunction } = cloud.
for (const name of ['init', 'database', 'callFunction', 'getTempFileURL', 'deleteFile', 'uploadFile', 'downloadFile', 'callContainer']) {
  Object.defineProperty(cloud, name, { value: cloud[name].bind(cloud), enumerable: true })
}

module.exports = cloud
module.exports.default = cloud
