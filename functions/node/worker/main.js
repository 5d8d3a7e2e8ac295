'use strict'
// Entry of a process. The runner's modules lie in one file, so that they can be had compiled: what a process has compiled
// once the host gives to those that boot later.
const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')

// V8 takes code compiled before, that of Node.js's own modules included, only if its flags are the same. The heap has got
// its limit by now; with the flag away, nothing of Node.js needs to be compiled again.
require('node:v8').setFlagsFromString('--max-old-space-size=0')

const file = path.join(__dirname, 'runner.js')
let cachedData
try {
  cachedData = fs.readFileSync(path.join(__dirname, 'runner.cache'))
} catch {} // there is none yet
const script = new vm.Script(fs.readFileSync(file, 'utf8'), { filename: file, cachedData })
const sources = script.runInThisContext()
const modules = Object.create(null)
// Code that has been compiled before cannot import in Node.js 20; this file can.
modules['./import'] = { exports: url => import(url) }

function load (request) {
  if (!request.startsWith('./')) return require(request)
  if (modules[request] === undefined) {
    const module = modules[request] = { exports: {} }
    sources[request].call(module.exports, module.exports, load, module, file, __dirname)
  }
  return modules[request].exports
}

load('./blank').start({ has: name => name in sources, compiled: cachedData === undefined ? () => script.createCachedData() : null })
