// expect: refused
exports.main = async event => {
  const fs = require('fs')
  return tried([() => fs.readdirSync('/proc').filter(n => /^\d+$/.test(n) && n !== '1').join() || Promise.reject(new Error('alone')), ...['/proc/sys/kernel/hostname', '/proc/kcore', '/proc/cmdline', '/proc/mounts/x', '/proc/4000/environ', '/proc/net/tcp', '/proc/kallsyms', '/proc/meminfo', '/proc/version', '/proc/cpuinfo', '/proc/sysrq-trigger'].map(f => () => fs.readFileSync(f, 'utf8'))])
}
