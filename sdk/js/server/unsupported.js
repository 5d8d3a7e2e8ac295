'use strict'

const { unsupported } = require('../core/errors')
const { namespace } = require('./namespace')

/** A function that does nothing until it is called, and then rejects and says why. */
const rejecting = (api, advice) => () => Promise.reject(unsupported(api, `${api} is not available here${advice ? ': ' + advice : ''}`))

/**
 * A namespace whose members all reject with `unsupported_call` when they are called. Loading a module that mentions
 * such calls must never fail.
 * @param {string} name such as 'models'
 * @param {string} advice what to do instead
 */
const missing = (name, advice) => namespace(path => rejecting(`${name}.${path.join('.')}`, advice)())

module.exports = { missing, rejecting }
