const ExcelJS = require('exceljs')

exports.main = async () => {
  const book = new ExcelJS.Workbook()
  const sheet = book.addWorksheet('sums')
  sheet.columns = [{ header: 'a', key: 'a' }, { header: 'b', key: 'b' }]
  sheet.addRow({ a: 1, b: 2 })
  sheet.getCell('C2').value = { formula: 'A2+B2', result: 3 }
  const again = new ExcelJS.Workbook()
  await again.xlsx.load(await book.xlsx.writeBuffer())
  const read = again.getWorksheet('sums')
  return { header: read.getCell('B1').value, formula: read.getCell('C2').formula, result: read.getCell('C2').result }
}
