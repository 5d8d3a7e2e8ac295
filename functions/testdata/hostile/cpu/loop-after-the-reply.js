// expect: result "ok"
exports.main = async event => {
  setTimeout(() => { for (;;) {} }, 20)
  return 'ok'
}
