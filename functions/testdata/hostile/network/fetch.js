// expect: refused
// timeout: 60s
exports.main = async event => {
  return tried(['http://127.0.0.1:', 'http://2130706433:', 'http://0x7f.1:', 'http://[::ffff:127.0.0.1]:', 'http://localhost:', 'http://127.0.0.1.:', 'http://①②⑦.⓪.⓪.①:'].map(u => () => fetch(u + event.port).then(() => u)))
}
