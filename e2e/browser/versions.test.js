'use strict'
// The console's pages of versions, bundles and releases: which version gets which calls, what differs, what a release was.
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const path = require('node:path')
const { startServer, startBrowser, eventually } = require('./server')
const { owner, visitor } = require('./content')

const shots = process.env.SCREENSHOTS
const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } }
let server, browser, page, must, manage, base
const problems = []

/** Makes a version of the function that answers with a number. */
const make = async (n, settings = {}) => (await must('PUT', base, {
  files: [{ path: 'index.js', content: Buffer.from(`exports.main = async () => ${n}\n`).toString('base64') }], settings, prepare: true
})).version
const live = async () => (await must('GET', base)).live

before(async () => {
  server = await startServer()
  must = owner(server).must
  manage = `/v1/manage/apps/${server.app}`
  base = `${manage}/functions/steps`
  const first = await make(1)
  await must('POST', `${manage}/releases`, { functions: { steps: first }, note: 'the first one' })
  await make(2, { timeoutSeconds: 7 })
  await make(3)
  browser = await startBrowser()
  const context = await browser.newContext({ viewport: sizes.desktop, locale: 'en-US', colorScheme: 'light', reducedMotion: 'reduce' })
  page = await context.newPage()
  page.setDefaultTimeout(30000)
  page.on('console', m => { if (m.type() === 'error') problems.push(m.text()) })
  page.on('pageerror', e => problems.push(String(e)))
  await page.goto(server.consoleLink)
  await page.locator('h1').waitFor()
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

/** At phone width nothing sticks out; with SCREENSHOTS there are pictures. */
async function look (name) {
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport)
    await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve))))
    assert.equal(await page.evaluate(() => Math.max(0, document.documentElement.scrollWidth - innerWidth)), 0, `${name} is too wide for a ${size}`)
    if (shots) await page.screenshot({ path: path.join(shots, `${name}-${size}.png`) })
  }
  await page.setViewportSize(sizes.desktop)
}
const button = name => page.getByRole('button', { name, exact: true })
const row = number => page.getByRole('row', { name: new RegExp(`^v${number}\\b`) })
const choose = async version => {
  await page.getByRole('combobox', { name: 'Share calls with' }).click()
  await page.locator('.ant-select-item-option', { hasText: version }).click()
}

test('a version gets a share of the users, then all of them, and gives them back', async () => {
  await page.goto(`${server.url}/console/${server.app}/functions/steps/versions`)
  const traffic = page.getByTestId('traffic')
  await traffic.getByText('v1 · 100 %').waitFor()
  await choose('v2')
  await page.getByRole('spinbutton', { name: 'Percent of users' }).fill('25')
  await button('Share').click()
  await traffic.getByText('v2 · 25 %').waitFor()
  await traffic.getByText('v1 · 75 %').waitFor()
  assert.deepEqual(await live(), { version: 1, next: 2, percent: 25 })
  await row(2).getByText('25 %').waitFor()
  await look('versions-shared')
  await button('Give all calls to v2').click()
  await traffic.getByText('v2 · 100 %').waitFor()
  assert.deepEqual(await live(), { version: 2 })
  await button('Roll back').click()
  await traffic.getByText('v1 · 100 %').waitFor()
  assert.deepEqual(await live(), { version: 1 })
})

test('what differs between two versions', async () => {
  await row(2).getByRole('button', { name: 'Compare' }).click()
  const difference = page.getByTestId('difference')
  await difference.locator('.diff-added', { hasText: 'exports.main = async () => 2' }).waitFor()
  await difference.locator('.diff-removed', { hasText: 'exports.main = async () => 1' }).waitFor()
  await difference.getByText('timeout').waitFor()
  await page.waitForFunction(() => !document.querySelector('.ant-drawer-panel-motion-right-enter-active'))
  await look('versions-difference')
  await button('Close').click()
})

test('a canary begins, is stopped, and gives back what it had', async () => {
  await choose('v3')
  await button('Start a canary').click()
  const canary = page.getByTestId('canary')
  await canary.getByText('running').waitFor()
  await canary.getByText('[5 %]').waitFor()
  const token = await visitor(server, 'o7Xk2-li')
  for (let i = 0; i < 3; i++) await must('POST', `/v1/apps/${server.app}/functions/steps`, {}, token)
  await look('versions-canary')
  await canary.getByRole('button', { name: 'Stop' }).click()
  await canary.getByText('stopped', { exact: true }).waitFor()
  await page.getByTestId('traffic').getByText('v1 · 100 %').waitFor()
  assert.deepEqual(await live(), { version: 1 })
})

test('the bundle: how big, what is missing', async () => {
  const text = content => Buffer.from(content).toString('base64')
  await must('PUT', `${manage}/functions/packed`, {
    files: [
      { path: 'index.js', content: text("exports.main = async () => { try { return require('lost/fp') } catch { return require('aged') } }\n") },
      { path: 'node_modules/aged/index.js', content: text('module.exports = 1') },
      { path: 'node_modules/aged/package.json', content: text('{"name": "aged", "version": "1.4.0", "private": true}') } // so that no registry is asked
    ],
    settings: {}
  })
  await page.goto(`${server.url}/console/${server.app}/functions/packed/bundle`)
  const bundle = page.getByTestId('bundle')
  await bundle.getByText('lost/fp').waitFor()
  await bundle.getByRole('cell', { name: 'aged' }).waitFor()
  await bundle.getByText('1.4.0').waitFor()
  await bundle.getByText('No known vulnerabilities').waitFor()
  await look('function-bundle')
})

test('releases: what changed, and going back', async () => {
  await must('POST', `${manage}/releases`, { functions: { steps: 2 }, note: 'the second one' })
  await page.getByRole('menuitem', { name: 'Releases', exact: true }).click()
  await page.getByText('the second one').waitFor()
  await look('releases-list')
  await button('Changes').click()
  await page.locator('.ant-drawer').getByText('steps').waitFor()
  await page.waitForFunction(() => !document.querySelector('.ant-drawer-panel-motion-right-enter-active'))
  await look('releases-changes')
  await button('Close').click()
  await page.getByRole('row', { name: /the first one/ }).getByRole('button', { name: 'Roll back' }).click()
  await page.locator('.ant-modal-confirm-title', { hasText: 'Make everything as it was after release 1?' }).waitFor()
  await look('releases-back')
  await button('OK').click()
  await page.getByText('= 1').waitFor()
  await eventually('release 1 again', async () => (await live()).version === 1)
  assert.deepEqual(problems, [])
})
