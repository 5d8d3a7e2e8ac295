'use strict'

const { Platform } = require('./host')
const { createWxServerSdk } = require('./wx')
const { createNodeSdk, createAdminSdk } = require('./tcb')
const { CloudError } = require('../core/errors')

/**
 * The SDK modules of one slot: everything that code can change (init() settings) belongs to this call's result alone.
 * @param {import('./host').Host} host
 * @returns {Object<string, object>} module name as written in require() -> module
 */
function create (host) {
  const platform = new Platform(host)
  return {
    'wx-server-sdk': createWxServerSdk(platform),
    '@cloudbase/node-sdk': createNodeSdk(platform),
    'tcb-admin-node': createAdminSdk(platform)
  }
}

module.exports = { create, CloudError }
