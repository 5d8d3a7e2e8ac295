const cheerio = require('cheerio')

exports.main = async ({ http }) => {
  const $ = cheerio.load(await (await fetch(http + '/page')).text())
  $('li.new').remove()
  return { title: $('h1').text(), links: $('a').map((i, a) => $(a).attr('href')).get(), items: $('li').length }
}
