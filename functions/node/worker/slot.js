'use strict'
// A slot: one fresh evaluation of the function's code, serving one request at a time unless its author allows more.
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { Loader, isESM } = require('./loader')
const { platformVariables, callerVariables } = require('./context')
const { slotConsole, slotProcess } = require('./shadow')
const { serverOf } = require('./servers')
const { eventServer } = require('./exchange')
const importModule = require('./import')

const LISTEN_TIME = 10_000

class Slot {
  /** program: the loaded code and the platform around it (see program.js). */
  constructor (program, number) {
    this.program = program
    this.number = number
    this.current = null
    this.exports = null
    this.loading = null
    this.sdk = null
    this.meta = null // of the invocation that the environment does not know yet
    this.listening = [] // servers of the code
    this.onListen = null
    this.server = null // of what the code exports
    this.awaited = null // a server that does not listen yet
    const log = (level, text, fields) => program.log(this, level, text, fields)
    this.console = slotConsole(log)
    this.process = slotProcess({
      env: platformVariables(program.settings),
      refresh: target => { if (this.meta !== null) this.introduce(target) },
      argv: ['node', program.filename],
      log,
      exit: code => program.exit(this, code)
    })
    this.loader = new Loader(program.modules, {
      process: this.process,
      console: this.console,
      provided: name => this.provided(name)
    })
  }

  /** The platform's own SDK answers to the names that existing code requires. */
  provided (name) {
    const { sdk, settings } = this.program
    if (settings.official || !sdk.names.has(name)) return undefined
    this.sdk ||= sdk.create(this.program.hostFor(this))
    return this.sdk[name]
  }

  /** Evaluates the code unless that has happened. Returns a promise only for ES modules. */
  ready () {
    if (this.exports !== null) return undefined
    const { program } = this
    program.evaluating = this
    if (program.wrapper === null && (path.extname(program.filename) === '.mjs' || isESM(program.filename))) {
      this.loading ||= importModule(`${pathToFileURL(program.filename)}?slot=${this.number}`).then(ns => { this.exports = ns.default && typeof ns.default === 'object' ? { ...ns.default, ...ns } : ns })
      return this.loading
    }
    this.exports = program.wrapper === null ? this.loader.start(program.filename) : this.loader.start(program.filename, program.wrapper)
    return undefined
  }

  /** The code has begun to listen with a server, or has closed it. */
  listens (server) {
    this.listening.push(server)
    if (this.onListen !== null) this.onListen()
  }

  closes (server) {
    this.listening = this.listening.filter(s => s !== server)
  }

  /** What answers HTTP exchanges: the server that listens, the application that is exported, or the handler of events. */
  httpServer () {
    if (this.listening.length > 0) return this.main()
    if (this.server !== null) return this.server
    const { handler, serves } = this.program.settings
    const exported = this.exports !== null && this.exports !== undefined ? this.exports[handler] : undefined
    const server = serverOf(exported, serves) || serverOf(this.exports, serves) || serverOf(this.exports && this.exports.default, serves)
    if (server !== null) return (this.server = server)
    if (typeof exported === 'function' && !serves) return (this.server = eventServer(this.program, this, () => this.program.current(this)))
    // A server that listens only once something else is ready.
    return (this.awaited ||= new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(missing(`the function neither exports a function named ${handler} nor listens with a server`)), LISTEN_TIME)
      this.onListen = () => {
        clearTimeout(limit)
        this.onListen = null
        resolve(this.main())
      }
    }))
  }

  /** Of several servers, the one on the port that the platform names, or else the first. */
  main () {
    const port = Number(this.process.env.PORT)
    return this.listening.find(server => server.address().port === port) || this.listening[0]
  }

  /** Whether the code is a server by itself, as far as that shows. */
  isServer () {
    const { handler, serves } = this.program.settings
    const exported = this.exports || {}
    return serves || this.listening.length > 0 || [exported[handler], exported, exported.default].some(e => serverOf(e) !== null)
  }

  /** Whose invocation it is: the environment tells it from now on. */
  identify (meta) {
    this.meta = meta
  }

  /** Puts the names that code reads from its environment per call into it. */
  introduce (target) {
    const variables = callerVariables(this.meta)
    this.meta = null
    for (const key of ['WX_CLIENTIP', 'WX_APPID', 'WX_OPENID', 'WX_UNIONID']) if (!(key in variables)) delete target[key]
    Object.assign(target, variables)
  }

  handler () {
    const { handler } = this.program.settings
    const main = this.exports === null || this.exports === undefined ? undefined : this.exports[handler]
    if (typeof main === 'function' && (typeof main.handle !== 'function' || serverOf(main) === null)) return main
    if (this.isServer()) throw new Error('this function is a server: it takes HTTP requests, not events')
    throw missing(`the function does not export a function named ${handler} (exports.${handler} = async (event, context) => {...})`)
  }
}

function missing (message) {
  return Object.assign(new Error(message), { reason: 'function_load_failed', stack: '' })
}

module.exports = { Slot }
