'use strict'

const { Http } = require('../core/http')
const { Session } = require('../core/session')
const { Client } = require('../core/client')
const { CloudError, local, unsupported } = require('../core/errors')
const { containerRequest } = require('../core/container')
const { Platform } = require('./platform')
const { upload, download } = require('./transfer')
const { CDN, resolveCDN } = require('./cdn')
const { run } = require('../core/run')
const { wxDialect } = require('../core/dialect-wx')

const DEFAULT_LIMIT = 20
const DYNAMIC_CURRENT_ENV = Symbol('DYNAMIC_CURRENT_ENV')

// What init() of this module was given: further instances are about the same server unless they say otherwise.
const common = {}

/**
 * Open data that functions receive decrypted, as {cloudID, data}. It travels as {cloudID} where a plain value would
 * stand, and counts at the top of a function's data only.
 */
class CloudID {
  /** @param {string|{encryptedData: string, iv: string}} given what an open API of wx gave: its cloudID, or itself */
  constructor (given) {
    const sealed = given !== null && typeof given === 'object' && given.encryptedData && given.iv
    this.cloudID = sealed ? `yd1.${given.iv}.${given.encryptedData}` : given
  }

  toJSON () {
    return { cloudID: this.cloudID }
  }
}

// Plain functions, so that cloud.CloudID('x') works without `new`.
const cloudID = function (id) { return new CloudID(id) }
const cdn = function (target) { return new CDN(target) }

/** One connection to one app: what wx.cloud is, or an instance made with `new cloud.Cloud(...)`. */
class Cloud {
  /** @param {object} [options] as for init(); resourceEnv is the app whose data and functions are shared */
  constructor (options) {
    for (const [name, value] of [['connections', new Map()], ['given', options || {}], ['settings', null], ['current', null]]) {
      Object.defineProperty(this, name, { value, writable: true })
    }
    this.CloudID = cloudID
    this.CDN = cdn
    this.Cloud = Cloud
    this.DYNAMIC_CURRENT_ENV = DYNAMIC_CURRENT_ENV
  }

  /**
   * @param {object} options
   * @param {string|object} options.env the app's ID, or one for each of database, storage and functions
   * @param {string} options.endpoint address of the server, https in production
   * @param {boolean} [options.traceUser] accepted for compatibility: every user is known by the login
   * @param {boolean} [options.identityless] sign in as an anonymous user instead of the WeChat one
   * @param {number} [options.timeout] milliseconds for one call with all its attempts, 60,000 unless given
   * @param {number} [options.retries] further attempts after one that failed, 2 unless given
   * @param {object} [options.platform] what to call instead of the global wx: Taro, uni, or another vendor's object
   * @returns {Promise<void>} nothing needs to wait for it
   */
  init (options) {
    const { env, resourceEnv, endpoint, timeout = 60000, retries, identityless, platform } = { ...common, ...this.given, ...options }
    const apps = appsOf(env !== undefined && env !== DYNAMIC_CURRENT_ENV ? env : resourceEnv)
    const settings = { endpoint, timeout, retries, identityless, platform: new Platform(platform) }
    this.settings = settings
    this.connections = new Map()
    this.connection(apps.functions) // finds mistakes now
    this.current = apps
    if (this === cloud) Object.assign(common, { endpoint, timeout, retries, platform })
    return Promise.resolve()
  }

  get platform () {
    return this.settings.platform
  }

  /** The client of an app; calls may name another one than init() did. */
  connection (app) {
    const known = this.connections.get(app)
    if (known) return known
    const { endpoint, timeout, retries, identityless, platform } = this.settings
    const http = new Http({ endpoint, send: platform.send, transfer: platform.transfer, timeout })
    const login = identityless
      ? async () => ({ provider: 'anonymous', credential: {} })
      : async () => ({ provider: 'wechat', credential: { code: await platform.loginCode() } })
    const session = new Session({ http, app, store: platform.store(`yunduo:${http.endpoint}:${app}${identityless ? ':anonymous' : ''}`), login, retries })
    const client = new Client({
      app, http, retries, token: refused => session.token(refused), defaultLimit: DEFAULT_LIMIT, prefix: 'cloud.', connect: platform.connect, onWake: platform.onWake,
      prepare: data => resolveCDN(client, platform, data)
    })
    this.connections.set(app, client)
    return client
  }

  /** @param {{env: string, throwOnNotFound: boolean}} [options] */
  database (options) {
    return this.ready('database', options).database(options)
  }

  /** @param {{name: string, data: object, config: object, idempotencyKey: string}} options and success, fail, complete */
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
    return upload(this, options)
  }

  /** @returns {Promise} which is also a download task */
  downloadFile (options) {
    return download(this, options)
  }

  /** Calls an HTTP function of the app. @param {object} options path, service, method, header, data, dataType, responseType, timeout */
  callContainer (options) {
    return this.with('callContainer', options, client => client.callContainer(options))
  }

  /** Opens a WebSocket to an HTTP function of the app. @param {object} options service, path, header, protocols */
  connectContainer (options) {
    return this.with('connectContainer', options, client => client.api('connectContainer', options, async ({ service, path, header, protocols }) => {
      const place = containerRequest(client.app, { service, path, header })
      const token = await client.token()
      return {
        socketTask: await this.platform.api.connectSocket({
          url: client.http.endpoint.replace(/^http/, 'ws') + place.path, header: { ...place.headers, authorization: `Bearer ${token}` }, protocols, success () {}
        })
      }
    }))
  }

  /** Work that is sent elsewhere than to the app: there is nothing of the kind here. */
  get services () {
    return { Gateway () { throw unsupported('cloud.services.Gateway') } }
  }

  get extend () {
    return { get AI () { throw unsupported('cloud.extend.AI') } }
  }

  ready (name, config) {
    if (!this.current) throw new CloudError({ errCode: -1, errMsg: `cloud.${name}:fail Cloud API isn't enabled, please call cloud.init first`, reason: 'invalid_request' })
    const { env } = Object(config)
    return this.connection(typeof env === 'string' && env !== '' ? env : this.current[ROOMS[name] || 'functions'])
  }

  /** Like `ready`, but for calls that report through promise and callbacks. */
  with (name, options, work) {
    let client
    try {
      client = this.ready(name, Object(options).config)
    } catch (error) {
      return run(wxDialect(), `cloud.${name}`, options, () => { throw error })
    }
    return work(client)
  }
}

const ROOMS = { database: 'database', uploadFile: 'storage', downloadFile: 'storage', getTempFileURL: 'storage', deleteFile: 'storage' }

/** The app of each room; one that is not named is that of another. */
function appsOf (env) {
  const { functions, database, storage } = env !== null && typeof env === 'object' ? env : { functions: env }
  const any = [functions, database, storage].find(app => typeof app === 'string' && app !== '')
  if (!any) throw local('cloud.init', 'env must be the ID of your app')
  return { functions: functions || any, database: database || any, storage: storage || any }
}

const cloud = new Cloud()
// Members are often taken off the object: const { callFunction } = cloud.
const NAMES = ['init', 'database', 'callFunction', 'getTempFileURL', 'deleteFile', 'uploadFile', 'downloadFile', 'callContainer', 'connectContainer']
for (const name of NAMES) Object.defineProperty(cloud, name, { value: cloud[name].bind(cloud), enumerable: true })

module.exports = cloud
module.exports.default = cloud
