// expect: refused|function_error
// timeout: 2s
exports.main = async event => {
  return tried([() => { const i = require('inspector'); i.open(9229, '127.0.0.1'); if (!i.url()) throw new Error('no inspector'); return i.url() }])
}
