const CryptoJS = require('crypto-js')

exports.main = async () => {
  const secret = CryptoJS.AES.encrypt('你好', 'password').toString()
  return { md5: CryptoJS.MD5('a').toString(), plain: CryptoJS.AES.decrypt(secret, 'password').toString(CryptoJS.enc.Utf8), hmac: CryptoJS.HmacSHA256('a', 'k').toString(CryptoJS.enc.Base64) }
}
