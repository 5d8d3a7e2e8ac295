'use strict'
// A blank process: connects to the host, waits for a function to load, and then runs its invocations.
const process = require('node:process')
const { Type, open } = require('./channel')
const { Claims } = require('./claims')
const { HostCalls } = require('./host')
const { Failures } = require('./failure')
const { Program, FLAG_FATAL } = require('./program')
const { guard } = require('./guard')
const network = require('./network')
const fetch = require('./fetch')
const { parseMeta } = require('./meta')

const boot = JSON.parse(process.env.YUNDUO_BOOT)
for (const name of Object.keys(process.env)) if (name !== 'TZ') delete process.env[name]

const FLAG_RUNNER = 1
const parse = JSON.parse
const now = Date.now

// Milliseconds without a function after which a process prepares for more than it needs at the least.
const LEISURE = 30
// Code without any of these cannot reach the network's modules but through its require, which opens them itself.
const NETWORK = /https?|tls|dns|\bnet\b|fetch|undici|import|getBuiltinModule|createRequire|WebSocket|EventSource|eval|Function/
const failures = new Failures()
let program = null

const claims = new Claims(boot.tokens)
const channel = open(boot.fd ? { fd: boot.fd } : {}, { onFrame, onChunk, onFlush, onClose: () => process.reallyExit(0) })
if (!boot.fd) channel.connect(boot.port)
const calls = new HostCalls(channel)
let sdk = null
let leisure = null
let fetching = false // it is to have fetch loaded before its function comes

guard(boot, () => program)
process.on('uncaughtException', error => uncaught(error, 'uncaughtException'))
process.on('unhandledRejection', error => uncaught(error, 'unhandledRejection'))
process.on('warning', () => {})
for (const name of boot.preload) require(name)

/** runner.has(name) tells whether there is a module; runner.compiled() gives the compiled form of all, if that is wanted. */
exports.start = function start (runner) {
  // The platform's SDK is evaluated before anybody waits for it.
  sdk = runner.has('./sdk')
    ? { names: new Set(['wx-server-sdk', '@cloudbase/node-sdk', 'tcb-admin-node']), create: require('./sdk').create }
    : { names: new Set(), create: () => ({}) }
  channel.start()
  channel.text(Type.HELLO, 0, 0, 0, JSON.stringify({ token: boot.token, version: process.version, v8: process.versions.v8 }))
  // What most functions do not need, or not at once, waits until nobody waits for this process.
  leisure = setTimeout(() => {
    leisure = null
    network.open()
    if (fetching) fetch.load()
    if (runner.compiled !== null) channel.bytes(Type.CACHE, FLAG_RUNNER, 0, 0, runner.compiled())
  }, LEISURE)
}

function uncaught (error, kind) {
  if (program) program.uncaught(error, kind)
  else channel.text(Type.ERROR, FLAG_FATAL, 0, 0, failures.describeError('internal', error))
}

function onFrame (type, flags, slot, id, buffer, start, end) {
  switch (type) {
    case Type.INVOKE: {
      if (flags & 1 && !claims.take()) return channel.bytes(Type.DROPPED, 0, slot, id)
      const split = start + 4 + buffer.readUInt32LE(start)
      const meta = parseMeta(buffer.utf8Slice(start + 4, split))
      if (flags & 2) return program.serve(slot, id, meta, Buffer.from(buffer.subarray(split, end)))
      const event = parse(buffer.utf8Slice(split, end))
      return program.invoke(slot, id, meta, event)
    }
    case Type.REPLY:
      return calls.reply(flags, id, buffer, start, end)
    case Type.STOP:
      return program.stop(id)
    case Type.DATA:
    case Type.END:
    case Type.WINDOW:
    case Type.HANGUP:
      return program.exchange(type, id, buffer, start, end)
    case Type.PING:
      channel.bytes(Type.PONG, 0, 0, id)
      return channel.flush()
    case Type.MAP:
      return failures.setMap(buffer.utf8Slice(start, end))
    case Type.PREPARE:
      if (leisure === null) return fetch.load()
      fetching = true
      return
    case Type.LOAD:
      return load(flags, buffer, start, end)
  }
}

let chunkRead = 0

function onChunk () {
  chunkRead = now()
}

function onFlush () {
  claims.observe(now() - chunkRead)
}

/** LOAD: u32 length, meta JSON, u32 length, code, code cache. Flag 1: code is one byte per character; 2: there is code. */
function load (flags, buffer, start, end) {
  const metaEnd = start + 4 + buffer.readUInt32LE(start)
  const settings = parse(buffer.utf8Slice(start + 4, metaEnd))
  const codeEnd = metaEnd + 4 + buffer.readUInt32LE(metaEnd)
  let code = null
  if (flags & 2) code = flags & 1 ? buffer.latin1Slice(metaEnd + 4, codeEnd) : buffer.utf8Slice(metaEnd + 4, codeEnd)
  const cachedData = end > codeEnd ? Buffer.from(buffer.subarray(codeEnd, end)) : undefined
  clearTimeout(leisure)
  if (code === null || NETWORK.test(code)) network.open()
  try {
    process.chdir(settings.folder)
  } catch {}
  if (settings.inspect && !settings.check) inspect()
  program = new Program({ channel, calls, failures, sdk }, settings, code, cachedData)
  if (settings.check) {
    program.check().then(
      report => channel.text(Type.LOADED, 0, 0, 0, JSON.stringify(report)),
      error => channel.text(Type.ERROR, FLAG_FATAL, 0, 0, failures.describeError('function_load_failed', error)))
  }
}

/** Opens Node's inspector on a free port, which the host makes known. */
function inspect () {
  const inspector = require('node:inspector')
  try {
    inspector.open(0, '127.0.0.1')
  } catch {} // it is open
  channel.text(Type.INSPECT, 0, 0, 0, inspector.url() || '')
}
