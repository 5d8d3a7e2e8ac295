'use strict'

const { local, wireError } = require('./errors')
const { lost } = require('./http')

const SERVICE = 'x-wx-service'
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * Where and how an HTTP function is called. A service, in the options or in the header X-WX-SERVICE, is the first part
 * of the route.
 * @param {string} app
 * @param {{path: string, service: string, method: string, header: object, data: *, responseType: string}} options those of wx.cloud.callContainer
 * @returns {{method: string, path: string, headers: object, body: *, responseType: string}} headers in lower case
 */
function containerRequest (app, { path, service, method = 'GET', header, data, responseType = 'text' }) {
  if (path !== undefined && typeof path !== 'string') throw local('callContainer', `parameter.path should be string instead of ${typeof path}`)
  method = String(method).toUpperCase()
  if (!METHODS.has(method)) throw local('callContainer', `parameter.method should not be ${method}`)
  const headers = {}
  for (const name of Object.keys(header || {})) headers[name.toLowerCase()] = String(header[name])
  service = service || headers[SERVICE]
  delete headers[SERVICE]
  const [place, query = ''] = split(path || '/')
  const below = place.startsWith('/') ? place : `/${place}`
  const url = `/http/${encodeURIComponent(app)}${service ? `/${encodeURIComponent(service)}` : ''}${service && below === '/' ? '' : below}`
  if (method === 'GET' || method === 'HEAD') return { method, path: url + queryOf(query, data), headers, responseType }
  return { method, path: url + queryOf(query), headers, responseType, body: bodyOf(headers, data) }
}

function split (path) {
  const at = path.indexOf('?')
  return at < 0 ? [path] : [path.slice(0, at), path.slice(at + 1)]
}

/** The data of a request without a body goes into the query, as wx.request has it. */
function queryOf (query, data) {
  const parts = query ? [query] : []
  if (data !== null && typeof data === 'object' && !isBytes(data)) {
    for (const name of Object.keys(data)) {
      const value = data[name]
      if (value !== undefined) parts.push(`${encodeURIComponent(name)}=${encodeURIComponent(typeof value === 'object' ? JSON.stringify(value) : value)}`)
    }
  }
  return parts.length > 0 ? `?${parts.join('&')}` : ''
}

const isBytes = data => data instanceof ArrayBuffer || ArrayBuffer.isView(data)

function bodyOf (headers, data) {
  if (data === undefined || data === null || typeof data === 'string' || isBytes(data)) return data === null ? undefined : data
  if (/application\/x-www-form-urlencoded/.test(headers['content-type'] || '')) return queryOf('', data).slice(1)
  if (!headers['content-type']) headers['content-type'] = 'application/json'
  return JSON.stringify(data)
}

/**
 * What the caller sees of a reply. Whatever the function answers is a result; what the server says before it came to
 * that is an error.
 * @param {{dataType: string, responseType: string}} options
 * @param {{status: number, header: object, data: (string|ArrayBuffer)}} reply
 */
function containerReply ({ dataType = 'json', responseType }, { status, header, data }) {
  const requestId = headerOf(header, 'x-request-id')
  if (status >= 400) {
    const refused = refusal(data, requestId)
    if (refused) throw refused
    if (requestId === undefined && status >= 502 && status <= 504) throw lost(`the server answered ${status}`, true)
  }
  const value = typeof data === 'string' && dataType === 'json' && responseType !== 'arraybuffer' ? parsed(data) : data
  return { statusCode: status, header, data: value, callID: requestId || '' }
}

/** The platform's own error, if that is what a reply is: it names the request, which a function does not. */
function refusal (data, requestId) {
  if (data instanceof ArrayBuffer && data.byteLength < 4096) data = String.fromCharCode(...new Uint8Array(data))
  const envelope = typeof data === 'string' ? wireError(parsed(data)) : undefined
  return envelope && requestId !== undefined && envelope.requestId === requestId ? envelope : undefined
}

function headerOf (headers, name) {
  for (const key of Object.keys(headers || {})) if (key.toLowerCase() === name) return headers[key]
  return undefined
}

function parsed (text) {
  try {
    return JSON.parse(text)
  } catch (e) {
    return text
  }
}

module.exports = { containerRequest, containerReply, headerOf }
