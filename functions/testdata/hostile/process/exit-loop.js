// expect: function_error process.exit(1)
// timeout: 2s
exports.main = async event => {
  for (;;) { try { process.exit(1) } catch {} }
}
