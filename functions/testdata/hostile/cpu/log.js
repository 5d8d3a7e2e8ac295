// A loop that prints: its lines are bounded too.
// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  for (;;) console.log('x')
}
