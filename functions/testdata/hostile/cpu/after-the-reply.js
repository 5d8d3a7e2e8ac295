// expect: result "ok"
exports.main = async event => {
  setInterval(() => { const end = Date.now() + 50; while (Date.now() < end); }, 51)
  return 'ok'
}
