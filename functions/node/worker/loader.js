'use strict'
// CommonJS modules, evaluated once per slot. Compiled code is shared by the slots of the process; instances are not.
const fs = require('node:fs')
const path = require('node:path')
const process = require('node:process')
const vm = require('node:vm')
const Module = require('node:module')
const network = require('./network')

const PARAMETERS = 'exports, require, module, __filename, __dirname, process, console'
const HEAD = `(function (${PARAMETERS}) { `
const TAIL = '\n})'
const INNER_HEAD = 'return (function () { '
const INNER_TAIL = '\n}).apply(this, arguments)'
const parse = JSON.parse

const IMPORT = /\bimport\s*\(/
const dynamicImport = vm.constants && vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER

/** Compiles CommonJS source into a vm.Script whose value is the wrapper function. Sloppy unless the source says otherwise. */
function compile (filename, source, cachedData) {
  if (source.charCodeAt(0) === 0xFEFF) source = source.slice(1)
  if (source.startsWith('#!')) source = '//' + source
  if (cachedData !== undefined && IMPORT.test(source)) cachedData = undefined // Node.js 20 forgets there how to import
  try {
    return new vm.Script(HEAD + source + TAIL, { filename, columnOffset: -HEAD.length, cachedData, importModuleDynamically: dynamicImport })
  } catch (e) {
    // The names that are ours alone may be declared by the code, as in const process = require('process').
    if (!(e instanceof SyntaxError) || !/^Identifier '(process|console)' has already been declared/.test(e.message)) throw e
    return new vm.Script(HEAD + INNER_HEAD + source + INNER_TAIL + TAIL, { filename, columnOffset: -(HEAD + INNER_HEAD).length, importModuleDynamically: dynamicImport })
  }
}

class Modules {
  /** folder: where bare names of own files are looked up. source: as whose files a debugger shows them, if any. */
  constructor (folder, source) {
    this.folder = folder
    this.source = source
    this.wrappers = new Map()
    this.addons = new Map()
  }

  wrapper (filename) {
    let wrapper = this.wrappers.get(filename)
    if (!wrapper) {
      wrapper = compile(filename, fs.readFileSync(filename, 'utf8') + this.address(filename)).runInThisContext()
      this.wrappers.set(filename, wrapper)
    }
    return wrapper
  }

  /** What makes a debugger show a file of the folder as the author's. */
  address (filename) {
    const name = path.relative(this.folder, filename)
    if (!this.source || name.startsWith('..') || name.startsWith('node_modules')) return ''
    return `\n//# sourceURL=${this.source}/${name.split(path.sep).map(encodeURIComponent).join('/')}`
  }
}

class Loader {
  /** provided(name) gives a platform module or undefined. */
  constructor (modules, { process, console, provided }) {
    this.modules = modules
    this.process = process
    this.console = console
    this.provided = provided
    this.cache = Object.create(null)
    this.main = undefined
  }

  /** Makes a module record whose require goes through this loader. */
  module (filename, parent) {
    const module = new Module(filename, undefined)
    module.filename = filename
    module.parent = parent
    if (parent && !parent.children.includes(module)) parent.children.push(module)
    module.paths = Module._nodeModulePaths(path.dirname(filename)).filter(p => p.startsWith(this.modules.folder))
    module.paths.push(this.modules.folder)
    Object.defineProperty(module, 'require', { value: request => this.require(request, module), writable: true, configurable: true })
    return module
  }

  /** Runs a wrapper as the module's code. */
  evaluate (module, wrapper) {
    const require = request => this.require(request, module)
    require.resolve = (request, options) => resolve(request, module, options)
    require.resolve.paths = request => Module._resolveLookupPaths(request, module)
    require.cache = this.cache
    require.main = this.main
    require.extensions = Module._extensions
    wrapper.call(module.exports, module.exports, require, module, module.filename, path.dirname(module.filename), this.process, this.console)
    module.loaded = true
    return module.exports
  }

  /** Loads the file as the slot's main module. */
  start (filename, wrapper = this.modules.wrapper(filename)) {
    const module = this.module(filename, null)
    module.id = '.'
    this.main = module
    this.cache[filename] = module
    return this.evaluate(module, wrapper)
  }

  require (request, parent) {
    if (typeof request !== 'string' || request === '') {
      throw Object.assign(new TypeError('require needs the name of a module, not ' + String(request)), { code: 'ERR_INVALID_ARG_TYPE' })
    }
    if (request === 'process' || request === 'node:process') return this.process
    if (request === 'console' || request === 'node:console') return this.console
    const provided = this.provided(request)
    if (provided !== undefined) return provided
    if (Module.isBuiltin(request)) return builtin(request)
    const filename = resolve(request, parent)
    if (Module.isBuiltin(filename)) return builtin(filename)
    const cached = this.cache[filename]
    if (cached !== undefined) return cached.exports
    return this.load(filename, parent)
  }

  load (filename, parent) {
    const module = this.module(filename, parent)
    this.cache[filename] = module
    try {
      switch (path.extname(filename)) {
        case '.json':
          module.exports = json(filename)
          break
        case '.node':
          module.exports = this.addon(filename)
          break
        case '.mjs':
          module.exports = esModule(filename, parent)
          break
        default:
          if (isESM(filename)) {
            module.exports = esModule(filename, parent)
            break
          }
          return this.evaluate(module, this.modules.wrapper(filename)), module.exports
      }
      module.loaded = true
      return module.exports
    } catch (e) {
      delete this.cache[filename]
      throw e
    }
  }

  /** A native library can only be opened once per process. */
  addon (filename) {
    const { addons } = this.modules
    if (!addons.has(filename)) {
      const record = { exports: {} }
      process.dlopen(record, filename)
      addons.set(filename, record.exports)
    }
    return addons.get(filename)
  }
}

function builtin (name) {
  if (network.modules.has(name.startsWith('node:') ? name.slice(5) : name)) network.open()
  return require(name)
}

/** Like Node.js, but a package.json that is not JSON is as good as none: such projects exist. */
function resolve (request, parent, options) {
  try {
    return Module._resolveFilename(request, parent, false, options)
  } catch (e) {
    if (!(e instanceof SyntaxError) && !/package\.json/.test(e.message)) throw e
    const filename = Module._findPath(request, Module._resolveLookupPaths(request, parent), false)
    if (!filename) throw e
    return filename
  }
}

function json (filename) {
  try {
    return parse(fs.readFileSync(filename, 'utf8').replace(/^\uFEFF/, ''))
  } catch (e) {
    e.message = `${filename}: ${e.message}`
    throw e
  }
}

const esmFolders = new Map()

/** Whether the nearest package.json declares ES modules. */
function isESM (filename) {
  return path.extname(filename) === '.js' && declaresESM(path.dirname(filename))
}

function declaresESM (folder) {
  if (esmFolders.has(folder)) return esmFolders.get(folder)
  let result
  try {
    result = parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).type === 'module'
  } catch {
    const above = path.dirname(folder)
    result = path.basename(folder) !== 'node_modules' && folder !== above && declaresESM(above)
  }
  esmFolders.set(folder, result)
  return result
}

/**
 * An ES module of a package, as far as this Node.js can require one: packages that have a form for that (the condition
 * "module-sync") are resolved to it. There is one copy per process.
 */
function esModule (filename, parent) {
  if (!process.features.require_module || !filename.includes(`${path.sep}node_modules${path.sep}`)) throw esm(filename, parent)
  return Module.createRequire(filename)(filename)
}

function esm (filename, parent) {
  const from = parent ? ` (required by ${parent.filename})` : ''
  return Object.assign(new Error(`require() of the ES module ${filename} is not supported${from}; use import()`), { code: 'ERR_REQUIRE_ESM' })
}

module.exports = { Loader, Modules, compile, isESM }
