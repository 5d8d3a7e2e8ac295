'use strict'

const { CloudError } = require('./errors')

/**
 * One HTTP exchange of the platform (wx.request, fetch).
 * @callback Send
 * @param {{method: string, url: string, headers: Object<string, string>, body: (string|undefined), timeout: (number|undefined)}} request
 * @returns {Promise<{status: number, text: string, requestId: (string|undefined)}>} rejects only if no answer came
 */

/** JSON over HTTP with the server's error envelope turned into rejections. */
class Http {
  /**
   * @param {object} options
   * @param {string} options.endpoint https://host[:port], where the server is
   * @param {Send} options.send
   * @param {number} [options.timeout] milliseconds
   * @param {function(object): Promise<object>} [options.transfer] one exchange whose reply is not looked into, see container.js
   */
  constructor ({ endpoint, send, timeout, transfer }) {
    this.endpoint = checkEndpoint(endpoint)
    this.send = send
    this.timeout = timeout
    this.transfer = transfer
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {*} body sent as JSON; undefined sends none
   * @param {string} [token] bearer
   * @param {{timeout: (number|undefined), key: (string|undefined)}} [options] milliseconds, and the key under which the
   *   server carries the request out once
   * @returns {Promise<{reply: *, requestId: (string|undefined)}>} rejects with the server's {code, reason, message, ...}
   */
  async json (method, path, body, token, { timeout = this.timeout, key } = {}) {
    const headers = {}
    if (token) headers.authorization = `Bearer ${token}`
    if (key) headers['idempotency-key'] = key
    const request = { method, url: this.endpoint + path, headers, timeout }
    if (method !== 'GET' && body !== undefined) {
      headers['content-type'] = 'application/json'
      request.body = JSON.stringify(body)
    }
    const { status, text, requestId } = await this.exchange(request)
    const reply = parse(text)
    if (status >= 200 && status < 300 && reply.ok) return { reply: reply.value, requestId }
    const error = reply.ok && reply.value && reply.value.error
    if (error && typeof error.reason === 'string') throw error
    throw lost(`the server answered ${status} with no readable result`, status >= 500, requestId)
  }

  async exchange (request) {
    try {
      return await this.send(request)
    } catch (error) {
      throw lost(`request:fail ${(error && (error.errMsg || error.message)) || error}`, true)
    }
  }

  /** An address from a reply; servers may give it without their own origin. */
  absolute (url) {
    return url.startsWith('/') ? this.endpoint + url : url
  }
}

/** No usable answer: the request may or may not have been carried out. */
function lost (detail, retryable, requestId) {
  return new CloudError({ errCode: -1, errMsg: detail, detail, reason: 'network_failed', retryable, requestId })
}

function parse (text) {
  if (text === '' || text === undefined) return { ok: true, value: undefined }
  try {
    return { ok: true, value: JSON.parse(text) }
  } catch (e) {
    return { ok: false }
  }
}

function checkEndpoint (endpoint) {
  if (typeof endpoint !== 'string' || !/^https?:\/\/[^/?#]+/.test(endpoint)) {
    throw new CloudError({ errCode: -1, errMsg: 'init:fail endpoint must be the address of your server, such as https://api.example.com' })
  }
  return endpoint.replace(/\/+$/, '')
}

module.exports = { Http, lost }
