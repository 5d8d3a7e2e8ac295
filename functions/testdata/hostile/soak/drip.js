// expect: function_timeout
// timeout: 10s
// soak: yes
exports.main = async event => {
  for (let i = 0; ; i++) { console.log('drip', i); await new Promise(done => setTimeout(done, 1)) }
}
