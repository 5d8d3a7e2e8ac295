const Jimp = require('jimp')

exports.main = async () => {
  const image = new Jimp(64, 32, 0xff0000ff)
  image.resize(16, 8).greyscale().rotate(90)
  const png = await image.getBufferAsync(Jimp.MIME_PNG)
  const again = await Jimp.read(png)
  const font = await Jimp.loadFont(Jimp.FONT_SANS_8_BLACK)
  return { type: png.subarray(1, 4).toString(), long: Math.max(again.getWidth(), again.getHeight()) >= 16, text: Jimp.measureText(font, 'cloud') > 0 }
}
