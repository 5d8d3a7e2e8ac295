// expect: refused|function_killed|function_error
exports.main = async event => {
  return tried([() => { const { Process } = process.binding('process_wrap'); const e = new Process().spawn({ file: '/bin/node', args: ['node', '-v'], envPairs: [], stdio: [] }); if (e) throw new Error('errno ' + e); return 'a child' }])
}
