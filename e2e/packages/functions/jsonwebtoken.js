const jwt = require('jsonwebtoken')
const { generateKeyPairSync } = require('crypto')

exports.main = async () => {
  const token = jwt.sign({ id: 7 }, 'secret', { expiresIn: '1h', issuer: 'yunduo' })
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const signed = jwt.sign({ id: 8 }, privateKey, { algorithm: 'RS256' })
  let forged
  try { jwt.verify(token, 'other') } catch (e) { forged = e.name }
  return { id: jwt.verify(token, 'secret', { issuer: 'yunduo' }).id, rsa: jwt.verify(signed, publicKey).id, forged }
}
