'use strict'
// Loaded before the vendor's own tools (NODE_OPTIONS="--require ./yunduo-cloudbase.js"): what they send to the vendor's
// hosts goes to the server at YUNDUO_URL. Signatures are for the original host, which a header names.
const http = require('node:http')
const https = require('node:https')
const { syncBuiltinESMExports } = require('node:module')

if (!process.env.YUNDUO_URL) throw new Error('YUNDUO_URL is not set: give it the address of your server, such as https://cloud.example.com')
const server = new URL(process.env.YUNDUO_URL)
const secure = server.protocol === 'https:'

const vendor = /(^|\.)(tencentcloudapi\.com|tencentcloudapi\.woa\.com|tcloudbasegateway\.com|tcb\.qcloud\.la|tencentcos\.cn|myqcloud\.com)$/
const objectStore = /^(.+)\.cos(-internal)?\.[a-z0-9-]+\.(myqcloud\.com|tencentcos\.cn)$/

/** What a path of a vendor's host is on the server; null for other hosts. */
function redirected (host, path) {
  if (!host || !vendor.test(host)) return null
  const bucket = objectStore.exec(host)
  const base = server.pathname.replace(/\/$/, '')
  return base + (bucket ? `/cos/${bucket[1]}` : '') + path
}

/** Minutes by which the clock is ahead of UTC: the tools write times without a zone. */
const offset = () => String(-new Date().getTimezoneOffset())

/** Headers in any of the forms that requests take, as pairs. */
function pairs (headers) {
  if (!headers) return []
  if (!Array.isArray(headers)) return Object.entries(headers)
  if (Array.isArray(headers[0])) return headers
  const list = []
  for (let i = 0; i + 1 < headers.length; i += 2) list.push([headers[i], headers[i + 1]])
  return list
}

const real = secure ? { request: https.request, get: https.get } : { request: http.request, get: http.get }

function redirect (module) {
  for (const name of ['request', 'get']) {
    const original = module[name]
    module[name] = function (...args) {
      const callback = typeof args[args.length - 1] === 'function' ? args.pop() : undefined
      let options = {}
      for (const arg of args) {
        if (typeof arg === 'string') options = { ...options, ...urlOptions(new URL(arg)) }
        else if (arg instanceof URL) options = { ...options, ...urlOptions(arg) }
        else options = { ...options, ...arg }
      }
      const host = String(options.hostname || options.host || '').split(':')[0].toLowerCase()
      const path = redirected(host, options.path || '/')
      if (path === null) return original.apply(this, callback ? [...args, callback] : args)
      const headers = {}
      for (const [key, value] of pairs(options.headers)) if (!/^host$/i.test(key)) headers[key] = value
      headers['x-original-host'] = host
      headers['x-client-offset'] = offset()
      return real[name].call(this, {
        ...options,
        protocol: server.protocol,
        hostname: server.hostname,
        host: server.hostname,
        port: server.port || undefined,
        servername: undefined,
        path,
        href: undefined,
        agent: undefined, // one for the other protocol, or for a proxy to the vendor
        headers
      }, callback)
    }
  }
}

function urlOptions (url) {
  const options = { protocol: url.protocol, hostname: url.hostname, port: url.port, path: url.pathname + url.search }
  if (url.username || url.password) options.auth = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return options
}

function redirectFetch () {
  const original = globalThis.fetch
  globalThis.fetch = function fetch (input, init) {
    const url = new URL(input instanceof Request ? input.url : String(input))
    const path = redirected(url.hostname.toLowerCase(), url.pathname + url.search)
    if (path === null) return original(input, init)
    const headers = new Headers((init && init.headers) || (input instanceof Request ? input.headers : undefined))
    headers.delete('host')
    headers.set('x-original-host', url.hostname)
    headers.set('x-client-offset', offset())
    const target = new URL(path, server)
    return input instanceof Request ? original(new Request(target, new Request(input, init)), { headers }) : original(target, { ...init, headers })
  }
}

redirect(http)
redirect(https)
redirectFetch()
syncBuiltinESMExports()
