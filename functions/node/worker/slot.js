'use strict'
// A slot: one fresh evaluation of the function's code, serving one request at a time unless its author allows more.
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { Loader, isESM } = require('./loader')
const { platformVariables, callerVariables } = require('./context')
const { slotConsole, slotProcess } = require('./shadow')

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
    const log = (level, text) => program.log(this, level, text)
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
    if (program.wrapper === null && (path.extname(program.filename) === '.mjs' || isESM(program.filename))) {
      this.loading ||= import(`${pathToFileURL(program.filename)}?slot=${this.number}`).then(ns => { this.exports = ns.default && typeof ns.default === 'object' ? { ...ns.default, ...ns } : ns })
      return this.loading
    }
    this.exports = program.wrapper === null ? this.loader.start(program.filename) : this.loader.start(program.filename, program.wrapper)
    return undefined
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
    if (typeof main !== 'function') {
      throw Object.assign(new Error(`the function does not export a function named ${handler} (exports.${handler} = async (event, context) => {...})`), { reason: 'function_load_failed', stack: '' })
    }
    return main
  }
}

module.exports = { Slot }
