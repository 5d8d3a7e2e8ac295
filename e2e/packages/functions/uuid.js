const { v4, v5, validate, version } = require('uuid')

exports.main = async () => {
  const id = v4()
  return { valid: validate(id), version: version(id), different: v4() !== id, named: v5('yunduo', v5.DNS) }
}
