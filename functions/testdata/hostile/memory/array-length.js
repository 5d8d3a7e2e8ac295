// expect: refused
// heap: 64
// timeout: 20s
exports.main = async event => {
  return tried([() => new Array(2 ** 32), () => Buffer.alloc(2 ** 53)])
}
