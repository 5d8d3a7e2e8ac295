// The guide says which lines of a project change. Here they are taken from it, put into projects, and those are run.
'use strict'
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const http = require('node:http')
const os = require('node:os')
const path = require('node:path')
const esbuild = require('esbuild')
const { chromium } = require('playwright-core')
const adapter = require('./adapter')
const { executablePath } = require('./chromium')
const { start, until } = require('./server')
const { Telephone } = require('./telephone')

const guide = fs.readFileSync(path.join(__dirname, '../../docs/guides/migrate-from-cloudbase.md'), 'utf8')
const blocks = [...guide.matchAll(/^```(\w+) project=(\S+)\n([\s\S]*?)^```$/gm)].map(([, kind, project, text]) => ({ kind, project, text }))

let server, work
before(async () => {
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', () => {})
  work = fs.mkdtempSync(path.join(os.tmpdir(), 'yunduo-guide-'))
  fs.cpSync(path.join(__dirname, 'projects'), work, { recursive: true })
  fs.symlinkSync(path.join(__dirname, 'node_modules'), path.join(work, 'node_modules'))
  server = await start({ project: path.join(work, 'wx') })
  await server.manage('POST', '/collections', { collection: 'tasks' })
})
after(async () => {
  await server?.stop()
  fs.rmSync(work, { recursive: true, force: true })
  setImmediate(() => process.exit(process.exitCode)) // the clients keep timers
})

/** What the guide says, about this server. */
const here = text => text
  .replaceAll('https://cloud.example.com', server.url).replaceAll('//cloud.example.com', `//${server.host}`)
  .replaceAll("'https'", "'http'").replaceAll("'https:'", "'http:'").replaceAll('my-env', server.app)

/** The guide's block of that kind for a project. */
function block (kind, project) {
  const found = blocks.filter(b => b.kind === kind && b.project === project)
  assert.equal(found.length, 1, `the guide has ${found.length} blocks "${kind} project=${project}"`)
  return found[0].text
}

/** Changes the lines of a file that the guide says, and nothing else but the name of the environment. */
function change (project, file) {
  const lines = block('diff', project).trimEnd().split('\n')
  const side = sign => lines.filter(line => line[0] === ' ' || line[0] === sign).map(line => line.slice(1)).join('\n')
  const full = path.join(work, file)
  const text = fs.readFileSync(full, 'utf8')
  assert.equal(text.split(side('-')).length, 2, `${file} has the lines of the guide once:\n${side('-')}`)
  fs.writeFileSync(full, here(text.replace(side('-'), () => side('+'))))
}

test('every block of the guide is tried', () => {
  assert.deepEqual(blocks.map(b => `${b.kind} ${b.project}`), ['diff web', 'diff web1', 'sh wx', 'diff wx', 'sh scripts', 'diff scripts/tcb-admin-node.js', 'sh cli'])
  assert.equal((guide.match(/^```/gm) || []).length, 2 * blocks.length, 'a block names no project')
})

test('a web page with js-sdk 3, in Chromium', async () => {
  change('web', 'web/app.js')
  const bundle = esbuild.buildSync({ entryPoints: [path.join(work, 'web/app.js')], preserveSymlinks: true, bundle: true, format: 'esm', platform: 'browser', logLevel: 'error', write: false }).outputFiles[0].contents
  const site = http.createServer((request, response) => {
    if (request.url === '/app.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(bundle)
    response.writeHead(200, { 'content-type': 'text/html' }).end(fs.readFileSync(path.join(work, 'web/index.html')))
  })
  await new Promise(resolve => site.listen(0, '127.0.0.1', resolve))
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] })
  try {
    const visit = async () => {
      const page = await (await browser.newContext()).newPage()
      page.setDefaultTimeout(20000)
      await page.goto(`http://localhost:${site.address().port}/`)
      return page
    }
    await server.manage('POST', '/users', { username: 'li', password: 'Pw-12345678' })
    const enter = async page => {
      await page.fill('#name', 'li')
      await page.fill('#password', 'Pw-12345678')
      await page.click('#enter')
      await page.waitForFunction(() => document.querySelector('#who').textContent !== '')
    }
    const [desk, phone, stranger] = [await visit(), await visit(), await visit()]
    await desk.fill('#name', 'li')
    await desk.fill('#password', 'wrong')
    await desk.click('#enter')
    await desk.waitForFunction(() => document.querySelector('#error').textContent !== '')
    await enter(desk)
    await enter(phone)
    await stranger.click('#guest')
    await desk.fill('#title', 'Milk')
    await desk.setInputFiles('#photo', { name: 'milk.png', mimeType: 'image/png', buffer: Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64') })
    await desk.click('#add')
    await phone.waitForFunction(() => document.querySelector('#tasks img')?.naturalWidth === 1)
    await phone.click('#tasks li')
    await desk.waitForFunction(() => document.querySelector('#tasks').textContent === 'Milk ✓')
    await desk.click('#count')
    await desk.waitForFunction(() => document.querySelector('#summary').textContent === '1/1')
    assert.equal(await stranger.textContent('#tasks'), '')
    await desk.click('#clear')
    await phone.waitForFunction(() => document.querySelectorAll('#tasks li').length === 0)
  } finally {
    await browser.close()
    site.closeAllConnections()
    site.close()
  }
})

test('js-sdk 1', async () => {
  change('web1', 'web1/app.js')
  fs.mkdirSync(path.join(work, 'web1/node_modules/@cloudbase'), { recursive: true })
  fs.symlinkSync(path.join(__dirname, 'node_modules/js-sdk-1'), path.join(work, 'web1/node_modules/@cloudbase/js-sdk'))
  const { title, result } = await require(path.join(work, 'web1/app.js'))(adapter())
  assert.equal(title, 'old')
  assert.equal(result.done >= 1 && result.all >= result.done, true)
})

test('a mini-program with wx.cloud', async () => {
  const [command, ...words] = block('sh', 'wx').trim().split(' ')
  assert.equal(command, 'yunduo')
  fs.mkdirSync(path.join(work, 'wx/lib'))
  execFileSync(process.env.YUNDUO_BINARY, words, { cwd: path.join(work, 'wx') })
  change('wx', 'wx/app.js')
  const [li, han] = [new Telephone(path.join(work, 'wx'), 'dev:li'), new Telephone(path.join(work, 'wx'), 'dev:han')]
  const [his, hers] = [li.open('pages/list/list'), han.open('pages/list/list')]
  his.add({ detail: { value: '写信' } })
  await until(() => his.data.tasks.length === 1)
  const dataset = { id: his.data.tasks[0]._id }
  await his.toggle({ currentTarget: { dataset } })
  await until(() => his.data.tasks[0].done === true && his.data.tasks[0].edits === 1)
  his.count()
  await until(() => his.data.summary)
  assert.equal(his.data.summary.who, 'li')
  assert.ok(his.data.summary.done >= 1)
  li.chosen = Buffer.from('jpeg')
  await his.photo({ currentTarget: { dataset } })
  assert.equal(await (await fetch(his.data.preview)).text(), 'jpeg')
  assert.deepEqual(hers.data.tasks, [])
  await hers.clear()
  assert.equal(hers.data.removed, 0)
  await his.clear()
  assert.equal(his.data.removed, 1)
  await until(() => his.data.tasks.length === 0)
  assert.deepEqual([his.data.error, hers.data.error], ['', ''])
  his.onUnload()
  hers.onUnload()
})

test('servers and scripts', () => {
  change('scripts/tcb-admin-node.js', 'scripts/tcb-admin-node.js')
  const exported = Object.fromEntries([...here(block('sh', 'scripts')).matchAll(/^export (\w+)=(?:'([^']*)'|(\S+))$/gm)].map(([, name, quoted, plain]) => [name, quoted ?? plain]))
  assert.deepEqual(Object.keys(exported), ['TCB_CONTEXT_CNFG', 'TENCENTCLOUD'])
  const keys = { PATH: process.env.PATH, SECRET_ID: server.secretId, SECRET_KEY: server.secretKey }
  for (const [name, env] of [['wx-server-sdk', exported], ['node-sdk', exported], ['tcb-admin-node', {}]]) {
    const file = path.join(work, 'scripts', `${name}.js`)
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replaceAll('my-env', server.app).replace("'wx-server-sdk'", "'wx-server-sdk-4'"))
    assert.match(execFileSync(process.execPath, [file], { env: { ...keys, ...env }, encoding: 'utf8' }), /^tasks: \d+\n$/, name)
  }
})
