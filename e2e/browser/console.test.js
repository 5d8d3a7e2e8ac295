'use strict'
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const crypto = require('node:crypto')
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
  const context = await browser.newContext({ viewport: sizes.desktop, locale: 'en-US', colorScheme: 'light', reducedMotion: 'reduce' })
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
  await page.getByText('v1 live').first().waitFor()
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

test('documents: import a file, look back, go back', async () => {
  await open('Documents')
  await page.getByPlaceholder('{"done": false}').fill('')
  await page.getByRole('button', { name: 'Find' }).click()
  await page.getByRole('button', { name: 'Import and export' }).click()
  const lines = '{"_id": "imported", "word": "first"}\n{broken\n'
  await page.locator('.ant-drawer input[type=file]').setInputFiles({ name: 'words.jsonl', mimeType: 'application/octet-stream', buffer: Buffer.from(lines) })
  await page.getByText('inserted 1 · changed 0 · unchanged 0 · rejected 1').waitFor()
  await page.getByText('line 2', { exact: true }).waitFor()
  await shoot('import')
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'csv' }).click()])
  assert.match(fs.readFileSync(await file.path(), 'utf8'), /^_id,/)
  await page.getByRole('button', { name: 'Close' }).click()

  const card = page.locator('.document-card', { hasText: 'imported' })
  await card.getByRole('button', { name: 'Edit' }).click()
  await page.getByLabel('Document', { exact: true }).fill('{"_id": "imported", "word": "second"}')
  await page.getByRole('button', { name: 'Save' }).click()
  await card.getByText('second').waitFor()
  await card.getByRole('button', { name: 'History' }).click()
  await page.locator('ins', { hasText: 'second' }).waitFor()
  await page.getByRole('button', { name: 'Restore this' }).click()
  await page.getByRole('button', { name: 'OK' }).click()
  await page.getByText('changed back 1').last().waitFor()
  await page.locator('ins', { hasText: 'first' }).waitFor()
  await page.getByRole('button', { name: 'Close' }).click()
  await card.getByText('first').waitFor()
})

test('documents: a dropped collection comes back', async () => {
  await open('Documents')
  await page.getByRole('button', { name: 'New collection' }).click()
  await page.getByPlaceholder('Name').fill('short-lived')
  await page.getByRole('button', { name: 'OK' }).click()
  await page.waitForURL(/short-lived/)
  await page.getByRole('button', { name: 'Drop collection' }).click()
  await page.getByText('can be brought back').waitFor()
  await page.getByRole('button', { name: 'OK' }).click()
  await page.waitForURL(/documents$/)
  await page.getByTestId('trash').click()
  const dropped = page.locator('.ant-drawer .ant-card', { hasText: 'short-lived' })
  await dropped.getByRole('button', { name: 'Bring back' }).click()
  await page.getByRole('button', { name: 'OK' }).click()
  await page.getByText('No dropped collections').waitFor()
  await page.getByRole('button', { name: 'Close' }).click()
  await page.getByText('short-lived').first().waitFor()
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

test('users: where somebody is signed in, and signing them out', async () => {
  const signIn = await fetch(`${server.url}/v1/apps/${server.app}/auth/password`, {
    method: 'POST', headers: { 'x-device-id': 'a telephone' }, body: JSON.stringify({ username: 'xiaoyun', password: 'a long password' })
  })
  const { accessToken } = await signIn.json()
  const me = () => fetch(`${server.url}/v1/apps/${server.app}/auth/me`, { headers: { authorization: `Bearer ${accessToken}` } })
  assert.equal((await me()).status, 200)
  await page.getByRole('row', { name: 'xiaoyun' }).getByRole('button', { name: 'Signed in on' }).click()
  await page.getByText('a telephone').waitFor()
  await shoot('sessions')
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('button', { name: 'OK' }).click()
  await page.getByText('Signed in nowhere.').waitFor()
  assert.equal((await me()).status, 401)
  await page.keyboard.press('Escape')
  await page.getByText('Signed in nowhere.').waitFor({ state: 'hidden' })
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

test('settings: a secret that functions find and the page never shows again', async () => {
  await page.getByLabel('Name', { exact: true }).last().fill('MAIL_KEY')
  await page.getByLabel('Value', { exact: true }).fill('a secret of mail')
  await page.getByTestId('set-variable').click()
  await page.getByRole('cell', { name: 'MAIL_KEY' }).waitFor()
  await page.getByRole('cell', { name: 'secret', exact: true }).waitFor()
  assert.equal(await page.getByText('a secret of mail').count(), 0)
  await page.getByLabel('Who gets messages').fill('text=hello\n*=hello')
  await page.getByTestId('save-wechat').click()
  await page.getByText('Saved').first().waitFor()
  await page.reload()
  await page.getByRole('cell', { name: 'MAIL_KEY' }).waitFor()
  assert.equal(await page.getByLabel('Who gets messages').inputValue(), 'text=hello\n*=hello')
  await shoot('settings-secrets')
})

test('settings: a key pair for custom sign-in, whose ticket signs in until it is deleted', async () => {
  await page.getByRole('button', { name: 'New key pair' }).click()
  const file = JSON.parse((await page.getByTestId('ticketKey').textContent()).replace(/[^}]*$/, ''))
  assert.equal(file.env_id, server.app)
  await page.getByText(file.private_key_id, { exact: true }).waitFor()
  const signIn = async uid => (await fetch(`${server.url}/v1/apps/${server.app}/auth/custom`, { method: 'POST', body: JSON.stringify({ ticket: ticket(file, uid) }) })).status
  assert.equal(await signIn('u-1'), 200)
  await page.getByRole('button', { name: `Delete ${file.private_key_id}` }).click()
  await page.getByRole('button', { name: 'OK' }).click()
  await page.getByText('No key pairs.').waitFor()
  assert.equal(await signIn('u-1'), 401)
})

/** What the official SDK's createTicket makes of a credentials file. */
function ticket ({ private_key_id: id, private_key: key, env_id: env }, uid) {
  const now = Date.now()
  const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ alg: 'RS256', env, iat: now, exp: now + 600e3, uid, refresh: 3600e3, expire: now + 7200e3, jti: Math.random() })}`
  return `${id}/@@/${text}.${crypto.sign('RSA-SHA256', Buffer.from(text), key).toString('base64url')}`
}

test('Chinese, and signing out', async () => {
  await page.getByRole('button', { name: '中文' }).click()
  await page.getByRole('heading', { name: '设置' }).waitFor()
  await shoot('settings-zh')
  await page.getByRole('button', { name: '退出登录' }).click()
  await page.getByRole('button', { name: '登 录' }).waitFor()
  await shoot('sign-in')
})

test('no page complained', () => assert.deepEqual(problems, []))
