// expect: refused
// heap: 64
// timeout: 20s
exports.main = async event => {
  return tried([() => 'x'.repeat(2 ** 30).length])
}
