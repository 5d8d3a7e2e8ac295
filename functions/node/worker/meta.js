'use strict'
// What the host tells of an invocation, as JSON text whose last member is "caller". The same users come again and again,
// so what was read of them is kept.
const parse = JSON.parse

const MARK = ',"caller":' // cannot stand inside a text, where quotes are escaped
const KEPT = 512

let callers = new Map()

function parseMeta (text) {
  const at = text.indexOf(MARK)
  const meta = parse(text.slice(0, at) + '}')
  const own = text.slice(at + MARK.length, -1)
  let caller = callers.get(own)
  if (caller === undefined) {
    caller = Object.freeze(parse(own))
    if (callers.size >= KEPT) callers = new Map()
    callers.set(own, caller)
  }
  meta.caller = caller
  return meta
}

module.exports = { parseMeta }
