// A project with something to look at: functions that log, warn, fail and do not load, long names, two languages,
// many documents, folders of files, users. Used by the tests of every page and for the pictures in docs/images.
'use strict'
const fs = require('node:fs')
const path = require('node:path')

const functions = {
  orders: {
    'index.js': `// Answers what a shop's pages ask for.
const cloud = require('wx-server-sdk')
const { priceOf } = require('./lib/price')
cloud.init({ env: cloud.DYNAMIC_CURRENT_ENV })
const db = cloud.database()

exports.main = async (event, context) => {
  const { OPENID } = cloud.getWXContext()
  console.log('order of', OPENID || 'nobody', event)
  if (event.quantity > 10) console.warn('a large order: look at the stock of ' + event.item)
  if (event.item === 'nothing') throw new Error('There is no item "nothing" in the catalogue.')
  const { total } = await db.collection('orders').count()
  await new Promise(resolve => setTimeout(resolve, Math.random() * 12))
  return { number: total + 1, price: priceOf(event), currency: 'CNY' }
}
`,
    'lib/price.js': 'exports.priceOf = ({ quantity = 1, unit = 12.5 }) => quantity * unit\n',
    'config.json': '{ "timeout": 10, "triggers": [{ "name": "每小时对账", "type": "timer", "config": "0 0 * * * * *" }, { "name": "weekdays", "type": "timer", "config": "0 30 9 * * MON-FRI *" }] }\n'
  },
  'send-message': { 'index.js': "exports.main = async event => { console.log('推送给', event.to); return { errCode: 0, errMsg: '已发送' } }\n" },
  'a-function-with-quite-a-long-name-to-see-where-it-breaks': { 'index.js': "exports.main = async () => 'fine'\n" },
  broken: { 'index.js': "exports.main = async (event => {\n  return 'the parenthesis is missing'\n}\n" }
}

/** Adds functions to a project folder before the server starts. */
function prepare (project) {
  for (const [name, files] of Object.entries(functions)) {
    for (const [file, text] of Object.entries(files)) {
      const at = path.join(project, 'cloudfunctions', name, file)
      fs.mkdirSync(path.dirname(at), { recursive: true })
      fs.writeFileSync(at, text)
    }
  }
}

const words = ['燕麦拿铁', 'Flat white', '抹茶麻薯', 'Sourdough', '柠檬气泡水', 'Croissant', '桂花乌龙']
const range = n => Array.from({ length: n }, (_, i) => i)

/** A client with the owner's key. */
function owner (server) {
  const call = async (method, at, body, token = server.apiKey) => {
    const reply = await fetch(server.url + at, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: body && JSON.stringify(body) })
    const text = await reply.text()
    return { status: reply.status, body: text ? JSON.parse(text) : undefined }
  }
  const must = async (...args) => {
    const { status, body } = await call(...args)
    if (status >= 300) throw new Error(`${args[0]} ${args[1]}: ${status} ${JSON.stringify(body)}`)
    return body
  }
  return { call, must }
}

/** Fills the running server's app. */
async function fill (server) {
  const { must } = owner(server)
  const app = `/v1/apps/${server.app}`
  const manage = `/v1/manage/apps/${server.app}`
  const documents = {
    orders: range(64).map(i => ({ _id: `order-${String(i).padStart(4, '0')}`, item: words[i % words.length], quantity: 1 + i % 7, price: 12.5 * (1 + i % 7), paid: i % 3 !== 0, customer: { openid: `o${'7Xk2'.repeat(6)}${i}`, city: ['上海', '成都', 'Shenzhen'][i % 3] }, tags: ['takeaway', '会员'].slice(i % 3), at: { $date: new Date(Date.UTC(2026, 10, 1, 8, i)).toISOString() } })),
    products: words.map((name, i) => ({ name, unit: 12.5 + i, stock: 40 - i * 5, description: '一杯好咖啡，一天好心情。'.repeat(i * 4) })),
    'a_collection_with_quite_a_long_name_for_a_narrow_list': [{ ok: true }],
    设置: [{ _id: 'shop', open: true, hours: { from: '08:00', to: '21:30' } }]
  }
  for (const [collection, list] of Object.entries(documents)) {
    await must('POST', `${manage}/collections`, { collection })
    await must('POST', `${app}/documents/${encodeURIComponent(collection)}/insert`, { documents: list })
  }
  const change = update => must('POST', `${app}/documents/orders/update`, { filter: { _id: 'order-0000' }, update })
  await change({ $set: { paid: true, 'customer.city': '杭州', note: '少冰、去糖，送到前台即可。'.repeat(6) } })
  await change({ $inc: { quantity: 2 }, $unset: { note: '' } })
  await must('POST', `${manage}/collections`, { collection: 'drafts' })
  await must('POST', `${app}/documents/drafts/insert`, { documents: [{ text: 'old' }, { text: 'older' }] })
  await must('DELETE', `${manage}/collections/drafts`)
  const files = { '菜单.txt': '燕麦拿铁 28', 'readme.md': '# Pictures of the shop', 'photos/2026/秋 天.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>', 'photos/logo.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>', 'exports/orders-with-quite-a-long-file-name-that-does-not-fit-on-a-phone-2026-11-22.csv': 'a,b\n'.repeat(9000), 'exports-with-quite-a-long-file-name-that-does-not-fit-on-a-phone-2026-11-22.csv': 'a,b\n'.repeat(9000) }
  for (const [name, text] of Object.entries(files)) {
    const grant = await must('POST', `${app}/files/grantUpload`, { path: name, size: Buffer.byteLength(text), contentType: name.endsWith('.svg') ? 'image/svg+xml' : 'text/plain' })
    const sent = await fetch(grant.url, { method: grant.method, headers: grant.headers, body: text })
    if (!sent.ok) throw new Error(`${name}: ${sent.status} ${await sent.text()}`)
  }
  for (const username of ['xiaoyun', '李雷', 'han.meimei@a-company-with-a-long-name.example']) await must('POST', `${manage}/users`, { username, password: 'a long password' })
  await must('POST', `${manage}/triggers/cleanup/nightly/run`, {})
  await must('POST', `${manage}/triggers/orders/weekdays/run`, {})
}

/** A visitor's token; with openId a WeChat user's. */
async function visitor (server, openId) {
  const { must } = owner(server)
  const reply = await (openId ? must('POST', `/v1/apps/${server.app}/auth/wechat`, { code: `dev:${openId}` }, '') : must('POST', `/v1/apps/${server.app}/auth/anonymous`, {}, ''))
  return reply.accessToken
}

/** One round of calls by a visitor: mostly good, some bad. */
async function traffic (server, token, calls) {
  const { call } = owner(server)
  const invoke = (name, event) => call('POST', `/v1/apps/${server.app}/functions/${encodeURIComponent(name)}`, event, token)
  for (const i of range(calls)) {
    if (i % 17 === 16) await invoke('orders', { item: 'nothing' })
    else if (i % 5 === 4) await invoke('send-message', { to: words[i % words.length] })
    else if (i % 3 === 2) await invoke('notes', { action: 'list' })
    else await invoke('orders', { item: words[i % words.length], quantity: 1 + i % 12 })
  }
}

module.exports = { prepare, fill, visitor, traffic, owner }
