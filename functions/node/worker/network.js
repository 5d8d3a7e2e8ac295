'use strict'
// The modules of the network that take long to load: they are opened, and made to work in the sandbox, when code may
// come to use them.
const installers = []
let opened = false

/** Has install run when the network is opened. */
exports.whenOpened = function whenOpened (install) {
  if (opened) install()
  else installers.push(install)
}

exports.open = function open () {
  if (opened) return
  opened = true
  for (const install of installers) install()
}

/** Builtin modules that lead to the network. */
exports.modules = new Set(['http', 'https', 'http2', 'tls', 'dns', 'dns/promises', 'net', 'dgram', 'worker_threads', 'inspector', 'module', 'vm', 'repl', 'cluster'])

exports.http = lazily('node:http')
exports.https = lazily('node:https')

function lazily (name) {
  let module
  return () => (module ||= require(name))
}
