// expect: result "done"
// timeout: 60s
exports.main = async event => {
  for (let i = 0; i < 20000; i++) console.log('x'.repeat(200))
  console.log('y'.repeat(1e6))
  return 'done'
}
