'use strict'
// Turns whatever user code threw into a message and a stack of the author's own lines.
const { SourceMap } = require('node:module')
const util = require('node:util')

const MESSAGE_LIMIT = 16 * 1024
const STACK_LIMIT = 32 * 1024
const CAUSES = 4
const parse = JSON.parse
const stringify = JSON.stringify

class Failures {
  constructor () {
    this.map = null
    this.file = ''
    this.mapText = null
  }

  /** Tells which generated file the source map belongs to. */
  describe (file) { this.file = file }

  setMap (text) {
    this.mapText = text
    this.map = null
  }

  sourceMap () {
    if (this.map === null && this.mapText !== null) {
      try {
        this.map = new SourceMap(parse(this.mapText))
      } catch {
        this.map = undefined
      }
      this.mapText = null
    }
    return this.map || undefined
  }

  /** Replaces positions in the generated file by the author's. */
  translate (text) {
    if (!this.file || !text.includes(this.file + ':')) return text
    const map = this.sourceMap()
    if (!map) return text
    const pattern = new RegExp(this.file.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') + ':(\\d+)(?::(\\d+))?', 'g')
    return text.replace(pattern, (whole, line, column) => {
      const entry = map.findEntry(Number(line) - 1, column ? Number(column) - 1 : 0)
      if (!entry || entry.originalSource === undefined) return whole
      const place = `${entry.originalSource}:${entry.originalLine + 1}`
      return column ? `${place}:${entry.originalColumn + 1}` : place
    })
  }

  /** What an ERROR frame carries: {reason, message, stack}. */
  describeError (reason, error) {
    let message
    let stack = ''
    try {
      message = messageOf(error)
      stack = this.stackOf(error)
    } catch {
      message = 'the function threw a value that cannot be shown'
    }
    return stringify({ reason, message: message.slice(0, MESSAGE_LIMIT), stack: stack.slice(0, STACK_LIMIT) })
  }

  /** Stack of an error and of what caused it: "fetch failed" alone would not tell which address was refused. */
  stackOf (error) {
    const stacks = []
    for (let e = error; stacks.length < CAUSES && e !== null && typeof e === 'object' && typeof e.stack === 'string'; e = e.cause) stacks.push(this.stack(e.stack))
    return stacks.join('\ncaused by: ')
  }

  stack (text) {
    const lines = this.translate(text.slice(0, 4 * STACK_LIMIT)).split('\n')
    return lines.filter(line => !/^\s+at /.test(line) || !(line.includes(__dirname) || /\(?node:(internal\/|async_hooks)/.test(line))).join('\n')
  }
}

function messageOf (error) {
  if (typeof error === 'string') return error
  if (error === null || (typeof error !== 'object' && typeof error !== 'function')) return String(error)
  const text = error.message !== undefined ? error.message : error.errMsg
  if (typeof text === 'string') {
    const name = error instanceof Error && typeof error.name === 'string' ? error.name : 'Error'
    return name === 'Error' || text.startsWith(name) ? text : `${name}: ${text}`
  }
  try {
    const json = stringify(error)
    if (json !== undefined && json !== '{}') return json
  } catch {}
  return util.inspect(error, { depth: 2 })
}

module.exports = { Failures, messageOf }
