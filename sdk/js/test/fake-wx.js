'use strict'

/** The global `wx` of a mini program, over fetch: callbacks with the fields and defaults of the real one. */
class FakeWx {
  constructor () {
    this.storage = new Map()
    this.localFiles = new Map() // path -> Buffer
    this.logins = 0
    this.offline = false
    this.sockets = []
    for (const name of ['request', 'connectSocket', 'login', 'uploadFile', 'downloadFile', 'getStorageSync', 'setStorageSync', 'removeStorageSync', 'getFileSystemManager']) this[name] = this[name].bind(this)
  }

  request ({ url, method, header, data, dataType, responseType, timeout, success, fail, complete = () => {} }) {
    const aborting = new AbortController()
    this.fetch(url, { method, headers: header, body: data, signal: aborting.signal }).then(async response => {
      const content = responseType === 'arraybuffer' ? await response.arrayBuffer() : await response.text()
      const names = [...response.headers].map(([name, value]) => [name.replace(/\b[a-z]/g, letter => letter.toUpperCase()), value])
      const reply = { statusCode: response.status, data: dataType === 'json' || dataType === undefined ? JSON.parse(content) : content, header: Object.fromEntries(names) }
      success(reply)
      complete(reply)
    }).catch(() => {
      fail({ errMsg: aborting.signal.aborted ? 'request:fail abort' : 'request:fail ' })
      complete({})
    })
    return { abort: () => aborting.abort() }
  }

  /** The global WebSocket in the words of wx; cut() is what a tunnel does to connections. */
  connectSocket ({ url, success = () => {}, fail = () => {} }) {
    if (this.offline) {
      queueMicrotask(() => fail({ errMsg: 'connectSocket:fail' }))
      return { onOpen () {}, onMessage () {}, onClose () {}, onError () {}, send () {}, close () {} }
    }
    const socket = new WebSocket(url)
    this.sockets.push(socket)
    queueMicrotask(() => success({ errMsg: 'connectSocket:ok' }))
    return {
      onOpen: listener => { socket.onopen = () => listener({}) },
      onMessage: listener => { socket.onmessage = ({ data }) => listener({ data }) },
      onClose: listener => { socket.onclose = ({ code, reason }) => listener({ code, reason }) },
      onError: listener => { socket.onerror = () => listener({ errMsg: 'socket:fail' }) },
      send: ({ data, fail = () => {} }) => { if (socket.readyState === 1) socket.send(data); else fail({ errMsg: 'sendSocketMessage:fail' }) },
      close: () => socket.close()
    }
  }

  cut () {
    for (const socket of this.sockets.splice(0)) socket.terminate()
  }

  /** The form that the real one sends, in two pieces, with progress after each. */
  uploadFile ({ url, filePath, name, header, success, fail }) {
    const content = this.localFiles.get(filePath)
    const listeners = { progress: [], headers: [] }
    const aborting = new AbortController()
    const form = new FormData()
    form.append(name, new Blob([content]), filePath.split('/').pop())
    const total = content.length
    const tell = sent => { for (const listener of listeners.progress) listener({ progress: Math.floor(sent / total * 100), totalBytesSent: sent, totalBytesExpectedToSend: total }) }
    queueMicrotask(() => tell(Math.floor(total / 2)))
    this.fetch(url, { method: 'POST', headers: header, body: form, signal: aborting.signal }).then(async response => {
      tell(total)
      for (const listener of listeners.headers) listener({ header: Object.fromEntries(response.headers) })
      success({ statusCode: response.status, data: await response.text(), errMsg: 'uploadFile:ok' })
    }).catch(() => fail({ errMsg: aborting.signal.aborted ? 'uploadFile:fail abort' : 'uploadFile:fail ' }))
    return {
      abort: () => aborting.abort(),
      onProgressUpdate: listener => listeners.progress.push(listener),
      onHeadersReceived: listener => listeners.headers.push(listener)
    }
  }

  downloadFile ({ url, success, fail }) {
    const listeners = []
    this.fetch(url).then(async response => {
      const content = Buffer.from(await response.arrayBuffer())
      for (const listener of listeners) listener({ progress: 100, totalBytesWritten: content.length, totalBytesExpectedToWrite: content.length })
      const tempFilePath = `http://tmp/${this.localFiles.size}`
      this.localFiles.set(tempFilePath, content)
      success({ statusCode: response.status, tempFilePath })
    }).catch(() => fail({ errMsg: 'downloadFile:fail' }))
    return { onProgressUpdate: listener => listeners.push(listener), abort () {} }
  }

  async fetch (...args) {
    if (this.offline) throw new Error('offline')
    return fetch(...args)
  }

  login ({ success, fail }) {
    this.logins++
    if (this.loginRefused) fail({ errMsg: 'login:fail auth deny' })
    else success({ code: this.code || `code${this.logins}`, errMsg: 'login:ok' })
  }

  getStorageSync (key) { return this.storage.has(key) ? this.storage.get(key) : '' }
  setStorageSync (key, value) { this.storage.set(key, value) }
  removeStorageSync (key) { this.storage.delete(key) }

  getFileSystemManager () {
    return {
      getFileInfo: ({ filePath, success, fail }) => {
        const content = this.localFiles.get(filePath)
        if (!content) return fail({ errMsg: `getFileInfo:fail no such file or directory, stat '${filePath}'` })
        success({ size: content.length })
      },
      readFile: ({ filePath, success, fail }) => {
        const content = this.localFiles.get(filePath)
        if (!content) return fail({ errMsg: `readFile:fail no such file or directory, open ${filePath}` })
        success({ data: content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength) })
      }
    }
  }
}

module.exports = { FakeWx }
