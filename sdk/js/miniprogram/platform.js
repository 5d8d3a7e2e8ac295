'use strict'
/* global wx */

const { lost } = require('../core/http')
const { headerOf } = require('../core/container')

/**
 * What a mini program runs on: `wx`, or what frameworks and other vendors have in its place with the same calls, such
 * as Taro and uni. It is looked up when it is used, so that a bundle may be loaded before it is there.
 */
class Platform {
  /** @param {object} [api] wx unless given */
  constructor (api) {
    this.given = api
    this.send = this.send.bind(this)
    this.transfer = this.transfer.bind(this)
    this.connect = this.connect.bind(this)
    this.onWake = this.onWake.bind(this)
  }

  get api () {
    return this.given || wx
  }

  /** @type {import('../core/http').Send} */
  async send ({ method, url, headers, body, timeout }) {
    // dataType: anything but json, for the text is parsed once, by us.
    const { statusCode, data, header } = await this.request({ method, url, header: headers, data: body, timeout, dataType: 'text', responseType: 'text' })
    return { status: statusCode, text: typeof data === 'string' ? data : JSON.stringify(data), requestId: headerOf(header, 'x-request-id') }
  }

  /** One exchange with an HTTP function. */
  async transfer ({ method, url, headers, body, timeout, responseType }) {
    try {
      const { statusCode, data, header } = await this.request({ method, url, header: headers, data: body, timeout, dataType: 'text', responseType })
      return { status: statusCode, header, data }
    } catch (error) {
      throw lost((error && error.errMsg) || 'request:fail', true)
    }
  }

  request ({ timeout, ...options }) {
    return new Promise((resolve, reject) => {
      quiet(this.api.request({ ...options, timeout: timeout && Math.ceil(timeout), success: resolve, fail: reject }))
    })
  }

  /** @returns {import('../core/session').Store} */
  store (key) {
    return {
      get: () => this.api.getStorageSync(key),
      set: text => this.api.setStorageSync(key, text),
      remove: () => this.api.removeStorageSync(key)
    }
  }

  /** The one-time login code of the user. */
  loginCode () {
    return new Promise((resolve, reject) => {
      quiet(this.api.login({
        success: ({ code, errMsg }) => code ? resolve(code) : reject(new Error(errMsg || 'login:fail no code')),
        fail: ({ errMsg }) => reject(new Error(errMsg))
      }))
    })
  }

  /** Size of a local file in bytes; rejects if there is none. */
  fileSize (filePath) {
    return new Promise((resolve, reject) => {
      this.api.getFileSystemManager().getFileInfo({ filePath, success: ({ size }) => resolve(size), fail: ({ errMsg }) => reject(new Error(errMsg)) })
    })
  }

  /** @type {import('../core/realtime').Connect} */
  connect (url, { open, message, close }) {
    let closed = false
    let task
    const end = () => {
      if (closed) return
      closed = true
      close()
    }
    const listen = it => {
      task = it
      if (closed) return task.close({ fail: () => {} })
      task.onOpen(open)
      task.onMessage(({ data }) => message(data))
      task.onClose(end)
      task.onError(end)
    }
    const begun = this.api.connectSocket({ url, success: () => {}, fail: end })
    if (begun && typeof begun.onOpen === 'function') listen(begun)
    else Promise.resolve(begun).then(listen, end) // Taro gives a promise of it
    return {
      send: text => task.send({ data: text, fail: () => {} }), // the end of the connection tells the rest
      close: () => { if (task) task.close({ fail: () => {} }); else closed = true }
    }
  }

  /** A mini program in the background loses its connections. */
  onWake (listener) {
    const { api } = this
    if (api.onNetworkStatusChange) api.onNetworkStatusChange(({ isConnected }) => { if (isConnected) listener() })
    if (api.onAppShow) api.onAppShow(() => listener())
  }
}

/** Frameworks give a promise beside the callbacks; nobody else waits for its failure. */
function quiet (task) {
  if (task && typeof task.then === 'function') task.then(() => {}, () => {})
  return task
}

module.exports = { Platform, quiet }
