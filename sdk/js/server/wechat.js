'use strict'

const { CloudError, failure, local } = require('../core/errors')
const { namespace } = require('./namespace')

const snake = name => name.replace(/[A-Z]/g, (letter, at) => (at ? '_' : '') + letter.toLowerCase())
const camel = name => name.replace(/_[a-z]/g, pair => pair[1].toUpperCase())

const isPlain = value => value !== null && typeof value === 'object' && (Object.getPrototypeOf(value) === null || Object.prototype.toString.call(value) === '[object Object]') && !ArrayBuffer.isView(value)

/** Renames the members of objects and of what they hold. */
function rename (value, to) {
  if (Array.isArray(value)) return value.map(element => rename(element, to))
  if (!isPlain(value)) return value
  const renamed = {}
  for (const key of Object.keys(value)) renamed[to(key)] = rename(value[key], to)
  return renamed
}

const extensions = { 'image/png': 'png', 'image/jpeg': 'jpg', 'image/jpg': 'jpg', 'image/gif': 'gif', 'image/bmp': 'bmp', 'image/webp': 'webp', 'video/mp4': 'mp4', 'audio/mpeg': 'mp3' }

/** A parameter that is a file: {contentType, value: Buffer}. */
function fileOf (value) {
  if (!isPlain(value)) return null
  const contentType = value.contentType || value.content_type
  return contentType && ArrayBuffer.isView(value.value) ? { contentType: String(contentType), content: value.value, name: value.fileName || value.file_name } : null
}

/**
 * The request of the operation wechat.openapi.
 * @param {string} api display name, for errors
 */
function requestOf (api, name, data, { convertCase, method }) {
  const request = { api: name, data: {} }
  if (method) request.method = String(method)
  let bytes
  const members = data === undefined || data === null ? {} : convertCase === false ? data : rename(data, snake)
  for (const key of Object.keys(members)) {
    const file = fileOf(members[key])
    if (!file) {
      if (members[key] !== undefined) request.data[key] = members[key]
      continue
    }
    if (bytes) throw local(api, 'only one parameter can be a file')
    bytes = file.content
    request.file = { field: key, contentType: file.contentType, name: file.name || `${key}.${extensions[file.contentType] || 'png'}` }
  }
  return { request, bytes }
}

/**
 * cloud.openapi: WeChat's server APIs, with the app's access token.
 * @param {import('./host').Platform} platform
 */
function createOpenAPI (platform) {
  return namespace(async (path, options, data) => {
    const api = `openapi.${path.join('.')}`
    try {
      const { request, bytes } = requestOf(api, path.join('.'), data, options)
      const { response, attachment } = await platform.callWithBytes('wechat.openapi', request, bytes)
      if (response.body === undefined) return { contentType: response.contentType, buffer: attachment || Buffer.alloc(0), errMsg: `${api}:ok`, errCode: 0 }
      const { errcode, errmsg, ...result } = response.body
      if (errcode) throw new CloudError({ errCode: errcode, errMsg: `${api}:fail ${errmsg}`, detail: errmsg })
      return { ...(options.convertCase === false ? result : rename(result, camel)), errMsg: `${api}:ok`, errCode: 0 }
    } catch (error) {
      throw failure(api, error)
    }
  })
}

/** cloud.cloudPay: WeChat Pay. What it refuses is told in the result, as returnCode and resultCode. */
function createCloudPay (platform) {
  return namespace(async (path, options, data) => {
    const api = `cloudPay.${path.join('.')}`
    try {
      const { result } = await platform.call('wechat.pay', { api: path.join('.'), data: rename(data || {}, snake) })
      return { ...rename(result, camel), errCode: 0, errMsg: `${api}:ok` }
    } catch (error) {
      throw failure(api, error)
    }
  })
}

/** cloud.getOpenData({list: [cloudID, ...]}) */
async function getOpenData (platform, options) {
  const list = options && options.list
  if (!Array.isArray(list) || list.some(id => typeof id !== 'string' && !(id && typeof id.cloudID === 'string'))) throw local('getOpenData', 'list must be provided: an array of cloud IDs')
  return platform.call('wechat.openData', { list: list.map(id => typeof id === 'string' ? id : id.cloudID) })
}

/** callOpenAPI of wx-server-sdk and callWxOpenApi of the CloudBase packages: the plain answer, errcode and all. */
async function callPlain (platform, api, name, data) {
  if (typeof name !== 'string' || name === '') throw local(api, 'the name of the API must be a string')
  const given = typeof data === 'string' ? JSON.parse(data) : data
  const { request, bytes } = requestOf(api, name.replace(/^openapi\./, ''), given, { convertCase: false })
  const { response, attachment } = await platform.callWithBytes('wechat.openapi', request, bytes)
  return response.body === undefined ? attachment : response.body
}

module.exports = { createOpenAPI, createCloudPay, getOpenData, callPlain }
