'use strict'
// What a slot sees instead of the real process and console, so that two slots never see each other's.
const { Console } = require('node:console')
const { Writable } = require('node:stream')
const process = require('node:process')
const { fieldsOf } = require('./fields')

const LEVELS = { debug: 0, info: 1, warn: 2, error: 3 }

/**
 * Builds the slot's environment: values become text, as in the real one. refresh(target) is called before anybody looks:
 * it brings what belongs to the invocation up to date, which most functions never read.
 */
function environment (values, refresh) {
  return new Proxy(Object.assign({}, values), {
    get (target, key) {
      refresh(target)
      return target[key]
    },
    has (target, key) {
      refresh(target)
      return key in target
    },
    ownKeys (target) {
      refresh(target)
      return Reflect.ownKeys(target)
    },
    getOwnPropertyDescriptor (target, key) {
      refresh(target)
      return Reflect.getOwnPropertyDescriptor(target, key)
    },
    deleteProperty (target, key) {
      refresh(target)
      return Reflect.deleteProperty(target, key)
    },
    set (target, key, value) {
      if (typeof key === 'symbol') throw new TypeError('Cannot convert a Symbol value to a string')
      refresh(target)
      target[key] = String(value)
      // Local time of the process follows TZ, as authors expect.
      if (key === 'TZ') process.env.TZ = target[key]
      return true
    },
    defineProperty (target, key, descriptor) {
      refresh(target)
      if ('value' in descriptor) descriptor.value = String(descriptor.value)
      return Reflect.defineProperty(target, key, { ...descriptor, configurable: true, enumerable: true, writable: true })
    }
  })
}

/** Builds a console that gives every message to log(level, text, fields): fields are JSON of an object that it ends with, or null. */
function slotConsole (log) {
  let level = LEVELS.info
  let fields = null
  const stdout = { write: text => { log(level, chomp(text), fields); return true }, on () {}, once () {}, removeListener () {}, listenerCount: () => 0 }
  const stderr = { ...stdout, write: text => { log(level === LEVELS.info ? LEVELS.error : level, chomp(text), fields); return true } }
  const console = new Console({ stdout, stderr, colorMode: false })
  for (const [name, value] of [['log', LEVELS.info], ['info', LEVELS.info], ['debug', LEVELS.debug], ['warn', LEVELS.warn], ['error', LEVELS.error], ['trace', LEVELS.error]]) {
    const plain = console[name]
    console[name] = (...args) => {
      level = value
      fields = fieldsOf(args[args.length - 1])
      try {
        plain.apply(console, args)
      } finally {
        level = LEVELS.info
        fields = null
      }
    }
  }
  console.Console = Console
  return console
}

function chomp (text) {
  return text.endsWith('\n') ? text.slice(0, -1) : text
}

/** A stream like process.stdout whose lines become log lines. */
function lineStream (log, level, fd) {
  let rest = ''
  const stream = new Writable({
    decodeStrings: false,
    write (chunk, encoding, done) {
      rest += typeof chunk === 'string' ? chunk : chunk.toString('utf8')
      const lines = rest.split('\n')
      rest = lines.pop()
      for (const line of lines) log(level, line)
      if (rest.length > 64 * 1024) {
        log(level, rest)
        rest = ''
      }
      done()
    }
  })
  return Object.assign(stream, { fd, isTTY: false, columns: 80, _type: 'pipe' })
}

/**
 * Builds the slot's process: everything not named here comes from the real one.
 * exit(code) must not return; log is as for slotConsole; refresh is as for environment.
 */
function slotProcess ({ env, refresh, argv, log, exit }) {
  let stdout, stderr, stdin
  const own = {
    _events: Object.create(null),
    _eventsCount: 0,
    _maxListeners: undefined,
    env: environment(env, refresh),
    argv,
    argv0: 'node',
    execArgv: [],
    exitCode: undefined,
    exit: code => exit(code === undefined ? shadow.exitCode : code),
    reallyExit: exit,
    abort: () => exit('abort'),
    kill (pid, signal = 'SIGTERM') {
      if (pid === process.pid && signal !== 0 && signal !== 'SIGCONT') exit(signal)
      return process.kill(pid, signal)
    },
    send: undefined,
    connected: false,
    disconnect: undefined
  }
  const shadow = Object.create(process)
  for (const key of Object.keys(own)) Object.defineProperty(shadow, key, { value: own[key], writable: true, enumerable: true, configurable: true })
  Object.defineProperties(shadow, {
    stdout: { get: () => (stdout ||= lineStream(log, LEVELS.info, 1)), enumerable: true, configurable: true },
    stderr: { get: () => (stderr ||= lineStream(log, LEVELS.error, 2)), enumerable: true, configurable: true },
    stdin: { get: () => (stdin ||= require('node:stream').Readable.from([])), enumerable: true, configurable: true }
  })
  return shadow
}

module.exports = { LEVELS, slotConsole, slotProcess }
