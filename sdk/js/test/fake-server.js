'use strict'

const http = require('node:http')

/** The /v1 surface in small: logins with single-use refresh tokens, one function, one file store, a recorder for the rest. */
class FakeServer {
  constructor () {
    this.requests = [] // {method, path, body, token, headers}
    this.files = new Map()
    this.sessions = new Map() // access token -> user
    this.refreshTokens = new Map() // refresh token -> user
    this.replies = {}
    this.expiresIn = 7200
    this.serial = 0
    this.http = http.createServer((request, response) => this.serve(request, response))
  }

  async start () {
    await new Promise(resolve => this.http.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${this.http.address().port}`
    return this
  }

  stop () {
    this.http.closeAllConnections()
    return new Promise(resolve => this.http.close(resolve))
  }

  /** Paths requested so far, and forgets them. */
  taken () {
    return this.requests.splice(0)
  }

  tokens (user) {
    const n = ++this.serial
    const tokens = { accessToken: `a${n}`, refreshToken: `r${n}`, expiresIn: this.expiresIn, user }
    this.sessions.set(tokens.accessToken, user)
    this.refreshTokens.set(tokens.refreshToken, user)
    return tokens
  }

  async serve (request, response) {
    const parts = []
    for await (const part of request) parts.push(part)
    const bytes = Buffer.concat(parts)
    const isJSON = /json/.test(request.headers['content-type'] || '')
    const entry = {
      method: request.method,
      path: request.url,
      body: isJSON ? JSON.parse(bytes.toString()) : bytes.length ? await contentOf(request, bytes) : undefined,
      token: (request.headers.authorization || '').replace(/^Bearer /, '') || undefined,
      headers: request.headers
    }
    this.requests.push(entry)
    const { status = 200, json, raw, lost } = await this.answer(entry) // a reply may be a promise: a slow or silent server
    if (lost) return response.socket.destroy() // what was done is done, but nobody hears of it
    response.writeHead(status, { 'x-request-id': 'req-http', 'content-type': raw === undefined ? 'application/json' : 'application/octet-stream' })
    response.end(raw === undefined ? JSON.stringify(json) : raw)
  }

  answer ({ method, path, body, token, headers }) {
    const own = this.replies[`${method} ${path}`]
    if (own) return own({ body, token, headers })
    if (path.startsWith('/bytes/')) return this.bytes(method, path, body)
    const [, , , , room, ...rest] = path.split('/').map(decodeURIComponent)
    if (room === 'auth') return this.auth(rest[0], body, token)
    if (!this.sessions.has(token)) return problem(401, token ? 'token_expired' : 'token_missing', 'unauthenticated')
    if (room === 'functions') return rest[0] === 'echo' ? { json: { event: body, user: this.sessions.get(token) } } : problem(404, 'function_not_found', 'not_found')
    if (room === 'files') return this.fileOperation(rest[0], body)
    if (room === 'documents') return { json: this.documents(rest, body) }
    return problem(404, 'unknown_operation', 'not_found')
  }

  auth (verb, body, token) {
    if (verb === 'refresh') {
      const user = this.refreshTokens.get(body.refreshToken)
      if (!user) return problem(401, 'session_revoked', 'unauthenticated')
      this.refreshTokens.delete(body.refreshToken) // works once
      return { json: this.tokens(user) }
    }
    if (verb === 'logout') {
      this.sessions.delete(token)
      return { json: {} }
    }
    if (verb === 'wechat' && /^bad/.test(body.code)) return problem(401, 'login_failed', 'unauthenticated')
    if (verb === 'password' && body.password !== 'right') return problem(401, 'login_failed', 'unauthenticated')
    return { json: this.tokens({ id: `user-${body.code || body.username || 'anonymous'}`, provider: verb }) }
  }

  documents ([collection, verb], body) {
    switch (verb || collection) {
      case 'begin': return { transaction: 'tx1' }
      case 'find': return { documents: [{ _id: 'x', at: { $date: '1970-01-01T00:00:00Z' }, collection }] }
      case 'get': return { document: null }
      case 'insert': return { insertedIds: body.documents.map((d, i) => `id${i}`) }
      case 'count': return { total: 3 }
      case 'delete': return { deleted: 1 }
      case 'aggregate': return { documents: [] }
      default: return { matched: 1, modified: 1 }
    }
  }

  fileOperation (verb, body) {
    switch (verb) {
      case 'grantUpload': return {
        json: { fileId: `cloud://app1/${body.path}`, url: `${this.url}/bytes/${encodeURIComponent(body.path)}?ticket=${body.size}`, method: 'PUT', headers: { 'x-ticket': 't1' }, expiresAt: '2030-01-01T00:00:00Z' }
      }
      case 'urls': return { json: { files: body.files.map(({ fileId }) => this.urlOf(fileId)) } }
      case 'delete': return { json: { files: body.fileIds.map(fileId => ({ fileId, error: this.files.delete(fileId.slice(13)) ? undefined : missing.error })) } }
    }
  }

  urlOf (fileId) {
    const path = fileId.slice('cloud://app1/'.length)
    return this.files.has(path) ? { fileId, url: `/bytes/${encodeURIComponent(path)}`, maxAge: 7200 } : { fileId, error: missing.error }
  }

  bytes (method, path, body) {
    const name = decodeURIComponent(path.slice('/bytes/'.length).split('?')[0])
    if (method === 'PUT' || method === 'POST') {
      this.files.set(name, body || Buffer.alloc(0))
      return { json: {} }
    }
    return this.files.has(name) ? { raw: this.files.get(name) } : problem(403, 'grant_invalid', 'denied')
  }
}

/** The bytes of a request, or those of the file in a form. */
async function contentOf (request, bytes) {
  const type = request.headers['content-type'] || ''
  if (!type.startsWith('multipart/form-data')) return bytes
  const form = await new Response(bytes, { headers: { 'content-type': type } }).formData()
  return Buffer.from(await form.get('file').arrayBuffer())
}

const missing = { error: { code: 'not_found', reason: 'file_not_found', message: 'no such file' } }

function problem (status, reason, code, message = `refused: ${reason}`) {
  return { status, json: { error: { code, reason, message, requestId: 'req-http', retryable: false } } }
}

module.exports = { FakeServer, problem }
