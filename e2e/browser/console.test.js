'use strict'
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { startServer, startBrowser } = require('./server')

const shots = process.env.SCREENSHOTS // a folder; set it to look at every page
const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } }

let server, browser, page
const problems = []

before(async () => {
  server = await startServer()
  browser = await startBrowser()
  const context = await browser.newContext({ viewport: sizes.desktop, locale: 'en-US', colorScheme: 'light' })
  page = await context.newPage()
  page.setDefaultTimeout(30000)
  page.on('console', m => { if (m.type() === 'error') problems.push(m.text()) })
  page.on('pageerror', e => problems.push(String(e)))
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

async function shoot (name) {
  if (!shots) return
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport)
    await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve))))
    await page.screenshot({ path: path.join(shots, `${name}-${size}.png`) })
  }
  await page.setViewportSize(sizes.desktop)
}
const open = name => page.getByRole('menuitem', { name, exact: true }).click()

test('the printed link signs in and shows the overview', async () => {
  await page.goto(server.consoleLink)
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await page.locator('.uplot').first().waitFor()
  await shoot('overview')
})

test('a wrong token is refused and says so', async () => {
  const other = await browser.newContext({ locale: 'en-US' })
  const second = await other.newPage()
  await second.goto(server.url + '/console/#token=ydd_nobodys')
  await second.getByText('not valid or has expired').waitFor()
  await second.goto(`${server.url}/console/${server.app}/documents`)
  await second.getByRole('button', { name: 'Sign in' }).waitFor()
  await second.getByLabel('User name').fill('nobody')
  await second.getByLabel('Password').fill('a wrong password')
  await second.getByRole('button', { name: 'Sign in' }).click()
  await second.getByRole('alert').waitFor()
  assert.equal(await second.evaluate(() => localStorage.getItem('yunduo.token')), null)
  await other.close()
})

test('functions: list, source, invoke under a chosen identity', async () => {
  await open('Functions')
  await page.getByRole('link', { name: 'notes' }).click()
  await page.getByPlaceholder('openid').fill('tester')
  const event = page.getByLabel('Event (JSON)')
  await event.fill('{"action": "add", "text": "from the console"}')
  await page.getByRole('button', { name: 'Invoke' }).click()
  await page.getByLabel('Result').getByText('_id').waitFor()
  await shoot('function-test')
  await page.getByRole('tab', { name: 'Source' }).click()
  await page.getByText('One function for everything').waitFor()
  await shoot('function-source')
  await page.getByRole('tab', { name: 'Logs' }).click()
  await page.getByText('tester').first().waitFor()
  const reply = await fetch(`${server.url}/v1/apps/${server.app}/functions/notes`, { method: 'POST', headers: { authorization: `Bearer ${server.apiKey}` }, body: '{"action": "no-such-action"}' })
  assert.notEqual(reply.status, 200)
  await page.getByText('There is no action "no-such-action".').first().waitFor() // streamed: nobody reloaded the page
  await shoot('function-logs')
})

test('functions: an edited function answers anew', async () => {
  const file = path.join(server.project, 'cloudfunctions', 'notes', 'index.js')
  fs.writeFileSync(file, "exports.main = async () => ({ edited: 'yes indeed' })\n")
  await page.getByText('v2', { exact: true }).first().waitFor()
  await page.getByRole('tab', { name: 'Test' }).click()
  await page.getByRole('button', { name: 'Invoke' }).click()
  await page.getByLabel('Result').getByText('yes indeed').waitFor()
  await page.getByRole('tab', { name: 'Versions' }).click()
  await page.getByRole('button', { name: 'Make live' }).click()
  await page.getByText('v1 live').waitFor()
  await shoot('function-versions')
})

test('documents: view, insert, edit, filter, delete', async () => {
  await open('Documents')
  await page.getByText('from the console').waitFor()
  await page.getByRole('button', { name: 'Insert' }).click()
  await page.getByLabel('Document').fill('{"_id": "made-here", "word": "hello"}')
  await page.getByRole('button', { name: 'Save' }).click()
  const card = page.locator('.document-card', { hasText: 'made-here' })
  await card.waitFor()
  await shoot('documents')
  await card.getByRole('button', { name: 'Edit' }).click()
  await page.getByLabel('Document').fill('{"_id": "made-here", "word": "changed"}')
  await page.getByRole('button', { name: 'Save' }).click()
  await card.getByText('changed').waitFor()
  await page.getByPlaceholder('{"done": false}').fill('{"word": "changed"}')
  await page.getByRole('button', { name: 'Find' }).click()
  await page.locator('.document-card').nth(1).waitFor({ state: 'detached' })
  await card.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('button', { name: 'OK' }).click()
  await page.getByText('Nothing found').waitFor()
})

test('indexes: create, see, explain, drop', async () => {
  await open('Documents')
  await page.getByRole('button', { name: 'Indexes' }).click()
  await page.getByText('No indexes beside').waitFor()
  await page.getByLabel('New index').fill('{"fields": [{"path": "word"}, {"path": "place", "kind": "2dsphere"}], "partialFilter": {"word": {"$exists": true}}}')
  await page.getByRole('button', { name: 'Create index' }).click()
  await page.getByText('word: 1, place: "2dsphere"').waitFor()
  await shoot('indexes')
  await page.getByRole('button', { name: 'Drop index' }).click()
  await page.getByRole('button', { name: 'OK' }).click()
  await page.getByText('No indexes beside').waitFor()
  await page.getByRole('button', { name: 'Close' }).click()
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByText('COLLSCAN').waitFor()
  await page.getByRole('button', { name: 'OK' }).click()
})

test('files: upload, browse, download', async () => {
  await open('Files')
  await page.getByTestId('upload').setInputFiles({ name: '云 朵.txt', mimeType: 'text/plain', buffer: Buffer.from('cloud words') })
  await page.getByRole('cell', { name: '云 朵.txt' }).waitFor()
  await shoot('files')
  const [opened] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('button', { name: 'Download' }).click()])
  await opened.getByText('cloud words').waitFor()
  await opened.close()
})

test('triggers: run now and see the history', async () => {
  await open('Triggers')
  await page.getByText('nightly').waitFor()
  await page.getByRole('button', { name: 'Run now' }).click()
  await page.getByRole('button', { name: 'History' }).click()
  await page.getByText('manual').first().waitFor()
  await shoot('triggers')
  await page.keyboard.press('Escape')
})

test('users: make one, find it', async () => {
  await open('Users')
  await page.getByRole('button', { name: 'New user' }).click()
  await page.getByLabel('User name').fill('xiaoyun')
  await page.getByLabel('Password').fill('a long password')
  await page.getByRole('button', { name: 'OK' }).click()
  await page.getByText('xiaoyun').first().waitFor()
  await shoot('users')
})

test('settings: origins, WeChat and keys that work', async () => {
  await open('Settings')
  await page.getByLabel('Allowed web origins').fill('https://shop.example.com')
  await page.getByLabel('Allowed web origins').press('Enter')
  await page.getByLabel('Mini-program secret').fill('a secret of WeChat')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByPlaceholder('kept').waitFor()
  await page.reload()
  await page.getByText('https://shop.example.com', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Create key' }).click()
  const key = await page.getByTestId('apiKey').textContent()
  const ask = token => fetch(`${server.url}/v1/manage/apps/${server.app}`, { headers: { authorization: `Bearer ${token}` } })
  assert.equal((await ask(key)).status, 200)
  assert.equal((await ask(`${key}x`)).status, 401)
  await shoot('settings')
})

test('Chinese, and signing out', async () => {
  await page.getByRole('button', { name: '中文' }).click()
  await page.getByRole('heading', { name: '设置' }).waitFor()
  await shoot('settings-zh')
  await page.getByRole('button', { name: '退出登录' }).click()
  await page.getByRole('button', { name: '登 录' }).waitFor()
  await shoot('sign-in')
})

test('no page complained', () => assert.deepEqual(problems, []))
