'use strict'
// Node.js's fetch takes longer to load than most functions, and some packages load it when they are loaded themselves.
// Who is likely to get such a function next has it ready.
const process = require('node:process')

const NAMES = ['fetch', 'Headers', 'FormData', 'Request', 'Response', 'WebSocket', 'ReadableStream']

/** Loads it. What a package does to find out what fetch can do is done once, so that it is compiled. */
exports.load = function load () {
  try {
    for (const name of NAMES) void globalThis[name]
    const body = new ReadableStream()
    const request = new Request('http://localhost/', { method: 'POST', body, duplex: 'half', headers: { accept: '*/*' } })
    void request.headers.has('content-type')
    void new Response('').body
  } catch {} // a Node.js without it, or with another one
}

/** Whether it has been loaded, as far as this Node.js tells. */
exports.loaded = function loaded () {
  const { moduleLoadList } = process
  return Array.isArray(moduleLoadList) && moduleLoadList.some(name => /\bundici\b/.test(name))
}

/** Whether code calls it by its name, and so may load it as late as in its first call. */
exports.calledBy = code => /(?:^|[^.\w$]|globalThis\.)fetch\s*\(/.test(code)
