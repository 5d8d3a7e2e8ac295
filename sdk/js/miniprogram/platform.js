'use strict'
/* global wx */

/** @type {import('../core/http').Send} */
function wxSend ({ method, url, headers, body, timeout }) {
  return new Promise((resolve, reject) => {
    wx.request({
      method,
      url,
      header: headers,
      data: body,
      timeout,
      dataType: 'text', // anything but json: the text is parsed once, by us
      responseType: 'text',
      success: ({ statusCode, data, header }) => resolve({
        status: statusCode, text: typeof data === 'string' ? data : JSON.stringify(data), requestId: headerOf(header, 'x-request-id')
      }),
      fail: reject
    })
  })
}

function headerOf (headers, name) {
  for (const key of Object.keys(headers || {})) if (key.toLowerCase() === name) return headers[key]
  return undefined
}

/** @returns {import('../core/session').Store} */
function wxStore (key) {
  return {
    get: () => wx.getStorageSync(key),
    set: text => wx.setStorageSync(key, text),
    remove: () => wx.removeStorageSync(key)
  }
}

/** The one-time login code of the WeChat user. */
function wxLoginCode () {
  return new Promise((resolve, reject) => {
    wx.login({
      success: ({ code, errMsg }) => code ? resolve(code) : reject(new Error(errMsg || 'login:fail no code')),
      fail: ({ errMsg }) => reject(new Error(errMsg))
    })
  })
}

/** @returns {Promise<ArrayBuffer>} */
function readFile (filePath) {
  return new Promise((resolve, reject) => {
    wx.getFileSystemManager().readFile({
      filePath,
      success: ({ data }) => resolve(data),
      fail: ({ errMsg }) => reject(new Error(errMsg))
    })
  })
}

/** @type {import('../core/realtime').Connect} */
function wxConnect (url, { open, message, close }) {
  let closed = false
  const end = () => {
    if (closed) return
    closed = true
    close()
  }
  const task = wx.connectSocket({ url, fail: end })
  task.onOpen(open)
  task.onMessage(({ data }) => message(data))
  task.onClose(end)
  task.onError(end)
  return {
    send: text => task.send({ data: text, fail: () => {} }), // the end of the connection tells the rest
    close: () => task.close({ fail: () => {} })
  }
}

/** A mini program in the background loses its connections. */
function wxOnWake (listener) {
  if (wx.onNetworkStatusChange) wx.onNetworkStatusChange(({ isConnected }) => { if (isConnected) listener() })
  if (wx.onAppShow) wx.onAppShow(listener)
}

module.exports = { wxSend, wxStore, wxLoginCode, readFile, wxConnect, wxOnWake }
