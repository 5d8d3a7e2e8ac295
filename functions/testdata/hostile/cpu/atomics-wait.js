// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
