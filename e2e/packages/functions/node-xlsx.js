const xlsx = require('node-xlsx').default

exports.main = async () => {
  const file = xlsx.build([{ name: '名单', data: [['name', 'age'], ['李', 30], ['梅', 28]] }])
  const [sheet] = xlsx.parse(file)
  return { name: sheet.name, data: sheet.data, zip: file.subarray(0, 2).toString() }
}
