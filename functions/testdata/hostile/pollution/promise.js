// expect: result "ok"|function_timeout|function_error
// timeout: 2s
// once: yes
exports.main = async event => {
  Promise.prototype.then = function () { for (;;) {} }
  return 'ok'
}
