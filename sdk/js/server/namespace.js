'use strict'

// Members that the language itself looks up; answering them would make the object look like a promise or break printing.
const ownMembers = new Set(['then', 'catch', 'finally', 'toJSON', 'toString', 'valueOf', 'constructor', 'prototype', 'inspect', 'call', 'apply', 'bind', 'name', 'length'])

/**
 * An object with every member there is, to any depth; calling one runs `call`.
 * @param {function(string[], object, *): Promise} call path, options given to the namespace itself, argument
 * @param {object} [options]
 */
function namespace (call, options = {}, path = []) {
  const target = path.length === 0
    ? given => {
        if (given === null || typeof given !== 'object') throw new Error('an options object is expected')
        return namespace(call, { ...options, ...given })
      }
    : data => call(path, options, data)
  return new Proxy(target, {
    get (object, member) {
      if (typeof member === 'symbol' || ownMembers.has(member)) return member === 'then' ? undefined : Reflect.get(object, member)
      return namespace(call, options, [...path, member])
    }
  })
}

module.exports = { namespace }
