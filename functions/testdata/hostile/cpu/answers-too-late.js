// expect: function_timeout time limit
// timeout: 200ms
exports.main = async event => {
  await new Promise(done => setTimeout(done, 1500))
  return 'late'
}
