const sharp = require('sharp')

exports.main = async () => {
  const jpeg = await sharp({ create: { width: 300, height: 200, channels: 3, background: { r: 0, g: 128, b: 255 } } }).resize(30).jpeg().toBuffer()
  const { format, width, height } = await sharp(jpeg).metadata()
  return { format, width, height }
}
