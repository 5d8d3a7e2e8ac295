// expect: refused
exports.main = async event => {
  return tried(['/etc/passwd', '../../../../etc/hosts.json', event.secret, '/proc/self/environ', './../../x'].map(f => () => JSON.stringify(require(f))))
}
