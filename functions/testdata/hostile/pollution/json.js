// expect: result "own"
// timeout: 2s
// once: yes
exports.main = async event => {
  JSON.stringify = () => '"forged"'
  JSON.parse = () => ({ forged: true })
  return 'own'
}
