'use strict'
// HTTP exchanges: a request reaches the function's code either as it reaches any server, or as an event whose result
// is the reply.
const { http } = require('./network')
const { HandlerContext } = require('./context')

const BODY_LIMIT = 6 * 1024 * 1024
const stringify = JSON.stringify
const TEXTUAL = /^(text\/|application\/(.*\+)?(json|xml|javascript|x-www-form-urlencoded|graphql|yaml|x-ndjson))/i
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The server that turns requests into events for the function of a slot. current() is the running invocation. */
function eventServer (program, slot, current) {
  return http().createServer(async (request, response) => {
    const invocation = current()
    invocation.handling = true
    try {
      const body = await collect(request)
      if (body === null) return response.writeHead(413, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }).end(`the request body is larger than ${BODY_LIMIT >> 20} MiB`)
      await answer(request, response, await run(program, slot, invocation, eventOf(request, body, invocation.meta, program.settings.app)))
    } catch (error) {
      if (!request.complete && request.destroyed) return // the client went away before it had asked
      if (response.headersSent) return response.destroy(error)
      program.fail(invocation, 'function_error', error)
      response.destroy()
    } finally {
      program.handled(invocation)
    }
  })
}

/** The whole body, or null if it is too large. */
async function collect (request) {
  const parts = []
  let size = 0
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    if ((size += part.length) > BODY_LIMIT) return null
    parts.push(part)
  }
  return Buffer.concat(parts, size)
}

function eventOf (request, body, meta, app) {
  const { pathname, searchParams } = new URL(request.url, 'http://function')
  const queryStringParameters = {}
  const multiValueQueryStringParameters = {}
  for (const [name, value] of searchParams) {
    queryStringParameters[name] = value
    ;(multiValueQueryStringParameters[name] ||= []).push(value)
  }
  const text = textOf(request.headers['content-type'], body)
  return {
    path: pathname,
    httpMethod: request.method,
    headers: { ...request.headers },
    queryStringParameters,
    multiValueQueryStringParameters,
    requestContext: {
      requestId: meta.requestId,
      envId: app,
      appId: meta.caller.appId || '',
      sourceIp: meta.caller.clientIp || '',
      path: (request.headers['x-forwarded-prefix'] || '') + pathname
    },
    body: text === null ? body.toString('base64') : text,
    isBase64Encoded: text === null
  }
}

/** The body as text, or null if that would lose something. */
function textOf (type, body) {
  if (type && !TEXTUAL.test(type)) return body.length === 0 ? '' : null
  try {
    return utf8.decode(body)
  } catch {
    return null
  }
}

/** Runs the handler on an event, for code in the old callback style too. */
function run (program, slot, invocation, event) {
  return new Promise((resolve, reject) => {
    const reply = (error, value) => error === null || error === undefined ? resolve(value) : reject(error)
    const main = slot.handler()
    const result = main.call(slot.exports, event, new HandlerContext(program.settings, invocation.meta, reply), reply)
    if (result !== undefined || main.length < 3) resolve(result)
  })
}

/** Replies with what a handler returned: a reply in the form of CloudBase and its kind, or the body itself. */
async function answer (request, response, result) {
  let body = result
  if (isReply(result)) {
    response.statusCode = result.statusCode
    for (const headers of [result.headers, result.multiValueHeaders]) {
      for (const [name, value] of Object.entries(headers || {})) if (value !== undefined && value !== null) response.setHeader(name, Array.isArray(value) ? value.map(String) : String(value))
    }
    body = result.isBase64Encoded && typeof result.body === 'string' ? Buffer.from(result.body, 'base64') : result.body
  }
  const type = value => { if (!response.hasHeader('content-type')) response.setHeader('content-type', value) }
  if (body !== null && typeof body === 'object' && typeof body.pipe === 'function') {
    type('application/octet-stream')
    return stream(body, response)
  }
  if (body === undefined || body === null) body = ''
  else if (body instanceof Uint8Array) type('application/octet-stream')
  else if (typeof body === 'string') type(/^\s*<(!doctype|html)/i.test(body) ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8')
  else if (typeof body === 'object' || typeof body === 'boolean') {
    type('application/json; charset=utf-8')
    body = stringify(body)
  } else {
    type('text/plain; charset=utf-8')
    body = String(body)
  }
  if (response.statusCode !== 204 && response.statusCode !== 304 && !response.hasHeader('content-length') && !response.hasHeader('transfer-encoding')) response.setHeader('content-length', Buffer.byteLength(body))
  response.end(body)
}

function isReply (result) {
  return result !== null && typeof result === 'object' && Number.isInteger(result.statusCode) && result.statusCode >= 100 && result.statusCode <= 999 &&
    ('body' in result || 'headers' in result || 'multiValueHeaders' in result)
}

function stream (body, response) {
  return new Promise((resolve, reject) => {
    body.on('error', reject)
    response.on('close', () => {
      if (typeof body.destroy === 'function') body.destroy()
      resolve()
    })
    body.pipe(response)
  })
}

module.exports = { eventServer, BODY_LIMIT }
