const iconv = require('iconv-lite')

exports.main = async () => {
  const gbk = iconv.encode('云朵', 'gbk')
  return { gbk: gbk.toString('hex'), back: iconv.decode(gbk, 'gb2312'), big5: iconv.encode('雲', 'big5').toString('hex') }
}
