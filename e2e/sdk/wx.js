// Phones on which the mini-program build of js-sdk runs: each has its own `wx`, and what mini-programs do not have is
// not there. `wx` does what WeChat documents: methods of requests without PATCH, files by path, sockets as tasks.
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const WebSocket = require('ws')

const methods = ['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'CONNECT']
const absent = ['window', 'document', 'location', 'navigator', 'localStorage', 'sessionStorage', 'XMLHttpRequest', 'fetch', 'WebSocket', 'FormData', 'Blob', 'process', 'Buffer', 'global']

class Phone {
  constructor () {
    this.storage = new Map()
    this.files = new Map()
    this.sockets = []
    const phone = this
    this.globals = {
      wx: {
        getSystemInfoSync: () => ({ platform: 'ios', AppPlatform: 'wechat', SDKVersion: '3.0.0' }),
        getAccountInfoSync: () => ({ miniProgram: { appId: 'wx0123456789abcdef' } }),
        getStorageSync: key => phone.storage.has(key) ? phone.storage.get(key) : '',
        setStorageSync: (key, value) => { phone.storage.set(key, value) },
        removeStorageSync: key => { phone.storage.delete(key) },
        clearStorageSync: () => phone.storage.clear(),
        onAppHide () {}, offAppHide () {}, onAppShow () {}, offAppShow () {},
        request: options => phone.request(options),
        uploadFile: options => phone.upload(options),
        downloadFile: options => phone.download(options),
        connectSocket: options => phone.connect(options)
      },
      Page () {},
      App () {},
      getApp: () => ({})
    }
  }

  request ({ url, method = 'GET', data, header, success, fail = () => {}, complete = () => {} }) {
    const aborting = new AbortController()
    const answer = async () => {
      if (!methods.includes(method)) throw new Error(`method ${method}`)
      const body = method === 'GET' || data === undefined ? undefined : typeof data === 'string' ? data : JSON.stringify(data)
      const reply = await fetch(url, { method, headers: { 'content-type': 'application/json', ...header }, body, signal: aborting.signal })
      const text = await reply.text()
      let parsed = text
      try { parsed = JSON.parse(text) } catch { /* wx leaves what is no JSON as it is */ }
      return { statusCode: reply.status, data: parsed, header: Object.fromEntries(reply.headers), errMsg: 'request:ok' }
    }
    answer().then(
      reply => { success(reply); complete(reply) },
      error => { const failed = { errMsg: `request:fail ${error.message}` }; fail(failed); complete(failed) }
    )
    return { abort: () => aborting.abort(), onChunkReceived () {} }
  }

  /** Puts a file on the phone and returns its path. */
  file (bytes) {
    const name = `wxfile://tmp_${this.files.size}`
    this.files.set(name, bytes)
    return name
  }

  upload ({ url, filePath, name, formData, header, success, fail = () => {}, complete = () => {} }) {
    const form = new FormData()
    for (const [field, value] of Object.entries(formData || {})) form.append(field, value)
    form.append(name, new Blob([this.files.get(filePath)]), 'file')
    const { 'content-type': own, ...headers } = header || {} // that of forms is not the page's choice
    fetch(url, { method: 'POST', headers, body: form }).then(async reply => {
      const answer = { statusCode: reply.status, data: await reply.text(), errMsg: 'uploadFile:ok' }
      success(answer)
      complete(answer)
    }, error => { const failed = { errMsg: `uploadFile:fail ${error.message}` }; fail(failed); complete(failed) })
    return { onProgressUpdate () {}, abort () {} }
  }

  download ({ url, header, success, fail = () => {}, complete = () => {} }) {
    fetch(url, { headers: header }).then(async reply => {
      const answer = { statusCode: reply.status, tempFilePath: this.file(Buffer.from(await reply.arrayBuffer())), errMsg: 'downloadFile:ok' }
      success(answer)
      complete(answer)
    }, error => { const failed = { errMsg: `downloadFile:fail ${error.message}` }; fail(failed); complete(failed) })
    return { onProgressUpdate () {}, abort () {} }
  }

  connect ({ url }) {
    const socket = new WebSocket(url)
    this.sockets.push(socket)
    const heard = { onError () {} }
    socket.on('error', error => heard.onError({ errMsg: error.message }))
    return {
      onOpen: listener => socket.on('open', () => listener({})),
      onMessage: listener => socket.on('message', data => listener({ data: data.toString() })),
      onClose: listener => socket.on('close', (code, reason) => listener({ code, reason: reason.toString() })),
      onError: listener => { heard.onError = listener },
      send: ({ data }) => socket.send(data),
      close: ({ code = 1000, reason } = {}) => socket.close(code, reason),
      get readyState () { return socket.readyState }
    }
  }

  cut () {
    for (const socket of this.sockets.splice(0)) socket.terminate()
  }

  /** Evaluates a file as WeChat does: a function of its module and of the globals of mini-programs. */
  load (file, modules = {}) {
    const full = require.resolve(path.join(__dirname, 'node_modules', file))
    const module = { exports: {} }
    const inside = { ...this.globals, module, exports: module.exports, require: name => modules[name] || (() => { throw new Error(`no module ${name}`) })() }
    const names = [...Object.keys(inside), ...absent]
    // eslint-disable-next-line no-new-func
    new Function(...names, fs.readFileSync(full, 'utf8')).apply(undefined, names.map(name => inside[name]))
    return module.exports.default || module.exports
  }
}

module.exports = { Phone }
