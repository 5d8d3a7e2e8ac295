// expect: result "ok"|function_error
// timeout: 2s
// once: yes
exports.main = async event => {
  const Module = require('module')
  Module._load = () => { throw new Error('polluted') }
  Module.prototype.require = () => 'polluted'
  for (const k in require.cache) delete require.cache[k]
  return 'ok'
}
