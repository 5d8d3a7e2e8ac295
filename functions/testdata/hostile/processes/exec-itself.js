// Newer versions of Node.js can replace themselves; the walls stay around whatever runs.
// expect: refused|function_error|function_timeout|function_killed
// timeout: 2s
exports.main = async event => {
  return tried([() => process.execve ? process.execve('/bin/node', ['node', '-e', 'for (;;) {}'], {}) : Promise.reject(new Error('this Node.js has no execve'))])
}
