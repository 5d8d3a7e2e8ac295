// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  for (;;) { try { throw 1 } catch {} finally { continue } }
}
