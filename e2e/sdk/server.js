// A server of the tests' own: `yunduo dev` on a small project, ended with the test process.
'use strict'
const { spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const functions = {
  echo: 'exports.main = async event => ({ event, code: 0 })',
  who: "const cloud = require('wx-server-sdk')\ncloud.init()\nexports.main = async () => cloud.getWXContext()",
  uid: "const cloud = require('@cloudbase/node-sdk')\nconst app = cloud.init({ env: cloud.SYMBOL_CURRENT_ENV })\nexports.main = async () => app.auth().getUserInfo().uid",
  secret: "exports.main = async () => 'secret'",
  throws: "exports.main = async () => { throw new Error('on purpose') }",
  paid: 'exports.main = async () => ({ errcode: 0 })'
}
const rules = `rules:
  notes: private
  shop: {read: true, write: false}
  strict: {read: "doc._openid == auth.openid", write: "doc._openid == auth.openid", strict: true}
functionRules:
  "*": {invoke: "auth != null"}
  secret: {invoke: "auth.loginType != 'ANONYMOUS'"}
`

/** The project of the tests, in a folder of its own. */
function written () {
  const project = fs.mkdtempSync(path.join(os.tmpdir(), 'yunduo-sdk-'))
  for (const [name, text] of Object.entries(functions)) {
    fs.mkdirSync(path.join(project, 'cloudfunctions', name), { recursive: true })
    fs.writeFileSync(path.join(project, 'cloudfunctions', name, 'index.js'), text)
  }
  fs.writeFileSync(path.join(project, 'yunduo.yaml'), rules)
  return project
}

/** Starts the server on a project, by default on the one above. */
async function start ({ project = written(), flags = [] } = {}) {
  const child = spawn(process.env.YUNDUO_BINARY, ['dev', project, '--port', '0', ...flags], { env: { ...process.env, YUNDUO_LANG: 'en' } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', text => { output += text })
  const ended = new Promise(resolve => child.on('exit', resolve))
  const file = path.join(project, '.yunduo', 'dev.json')
  const info = await until(() => {
    if (child.exitCode !== null) throw new Error(`the server ended: ${output}`)
    try { return JSON.parse(fs.readFileSync(file, 'utf8')) } catch { return null }
  })
  const server = {
    ...info,
    host: new URL(info.url).host,
    /** The last verification code that was sent to somebody. */
    code: to => until(() => [...output.matchAll(/Verification code (\d{6}) for (\S+)/g)].filter(m => m[2] === to).map(m => m[1]).pop()),
    /** The token of the last link that was mailed to somebody for a purpose. */
    link: (to, purpose) => until(() => [...output.matchAll(/Token (\S+) of a link for (\S+) \((\w+)\)/g)].filter(m => m[2] === to && m[3] === purpose).map(m => m[1]).pop()),
    /** Does at the stand-in for WeChat what a user does. */
    async desk (what, body) {
      const reply = await fetch(`${info.wechatStandInUrl}/standin${what}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
      if (!reply.ok) throw new Error(`${what}: ${reply.status} ${await reply.text()}`)
      return reply.json()
    },
    async manage (method, where, body) {
      const reply = await fetch(`${info.url}/v1/manage/apps/${info.app}${where}`, {
        method, headers: { authorization: `Bearer ${info.apiKey}` }, body: body && JSON.stringify(body)
      })
      if (!reply.ok) throw new Error(`${method} ${where}: ${reply.status} ${await reply.text()}`)
      return reply.json()
    },
    async stop () {
      child.kill()
      await ended
      fs.rmSync(project, { recursive: true, force: true })
    }
  }
  await until(async () => (await server.manage('GET', '/functions')).functions.length === fs.readdirSync(path.join(project, 'cloudfunctions')).length)
  if (fs.existsSync(path.join(project, 'yunduo.yaml'))) await until(async () => ['notes', 'shop', 'strict'].every(async name => (await server.manage('GET', '/collections')).collections.some(c => c.name === name)))
  return server
}

/** Waits until something is there, and fails after half a minute. */
async function until (look) {
  for (let i = 0; i < 600; i++) {
    const found = await look()
    if (found) return found
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error('waited in vain')
}

/** A package as if it was never loaded before: most keep one client, and its session, in their module. */
function reload (name) {
  const root = path.join(__dirname, 'node_modules', name) + path.sep
  for (const file of Object.keys(require.cache)) if (file.startsWith(root)) delete require.cache[file]
  return require(name)
}

module.exports = { start, reload, until }
