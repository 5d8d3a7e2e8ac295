// expect: refused|result ["got wrote /proc/self/oom_score_adj"]
exports.main = async event => {
  const fs = require('fs')
  return tried(['/x', '/app/x', '/runner/main.js', '/bin/node', '/lib/x', '/run/x', '/run/out', '/dev/x', '/dev/null/x', '/proc/self/oom_score_adj', '/proc/sys/kernel/core_pattern', '/proc/self/attr/current', '/proc/self/uid_map', '/proc/self/setgroups'].map(f => () => { fs.writeFileSync(f, '-1'); return 'wrote ' + f }))
}
