'use strict'

const { unsupported } = require('../core/errors')

// Members that the language itself looks up; answering them would make the object look like a promise or break printing.
const ownMembers = new Set(['then', 'catch', 'finally', 'toJSON', 'toString', 'valueOf', 'constructor', 'prototype', 'inspect', 'call', 'apply', 'bind', 'name', 'length'])

/** A function that does nothing until it is called, and then rejects and says why. */
const rejecting = (api, advice) => () => Promise.reject(unsupported(api, `${api} is not available here${advice ? ': ' + advice : ''}`))

/**
 * An object with every member there is, to any depth; calling one rejects with `unsupported_call`.
 * Loading a module that mentions such calls must never fail.
 * @param {string} name such as 'openapi'
 * @param {string} advice what to do instead
 */
function namespace (name, advice, path = name) {
  const target = path === name
    ? () => proxy // cloud.openapi({appid}) only chooses whom to speak for
    : rejecting(path, advice)
  const proxy = new Proxy(target, {
    get (object, member) {
      if (typeof member === 'symbol' || ownMembers.has(member)) return member === 'then' ? undefined : Reflect.get(object, member)
      return namespace(name, advice, `${path}.${member}`)
    }
  })
  return proxy
}

module.exports = { namespace, rejecting }
