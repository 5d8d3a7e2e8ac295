// expect: refused
// timeout: 2s
exports.main = async event => {
  return tried([() => { process.setuid(1); return 'user' }, () => { process.setgid(1); return 'group' }, () => { process.setgroups([0, 1]); return 'groups' }, () => { process.initgroups('root', 0); return 'init' }])
}
