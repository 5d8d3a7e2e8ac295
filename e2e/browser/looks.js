// Walks the console's pages in one look (width, theme, language), measures what sticks out, takes pictures.
'use strict'
const path = require('node:path')

const desktop = { width: 1280, height: 800 }
const phone = { width: 390, height: 844 }
const looks = {
  'desktop-light-en': { viewport: desktop, colorScheme: 'light', locale: 'en-US' },
  'phone-light-en': { viewport: phone, colorScheme: 'light', locale: 'en-US', hasTouch: true },
  'desktop-dark-zh': { viewport: desktop, colorScheme: 'dark', locale: 'zh-CN' },
  'phone-dark-zh': { viewport: phone, colorScheme: 'dark', locale: 'zh-CN', hasTouch: true }
}

const wait = selector => page => page.locator(selector).first().waitFor()
const pages = {
  overview: { at: 'overview', ready: wait('.uplot canvas') },
  functions: { at: 'functions', ready: wait('tbody a') },
  'function-test': {
    at: 'functions/orders',
    async ready (page) {
      await page.getByTestId('event').locator('.cm-content').fill('{"item": "抹茶麻薯", "quantity": 12}')
      await page.getByTestId('invoke').click()
      await page.getByTestId('result').getByText('CNY').waitFor()
    }
  },
  'function-failing': {
    at: 'functions/orders',
    async ready (page) {
      await page.getByTestId('event').locator('.cm-content').fill('{"item": "nothing"}')
      await page.getByTestId('invoke').click()
      await page.getByTestId('result').getByText('function_error').waitFor()
    }
  },
  'function-source': { at: 'functions/orders/source', ready: wait('.cm-line') },
  'function-logs': { at: 'functions/orders/logs', ready: wait('.log') },
  'function-trace': {
    at: 'functions/orders/logs',
    async ready (page) {
      await page.locator('.log .ant-btn-link').first().click()
      await page.locator('.trace-row').nth(2).waitFor()
    }
  },
  'function-metrics': { at: 'functions/orders/metrics', ready: wait('.uplot canvas') },
  'function-versions': { at: 'functions/orders/versions', ready: wait('tbody tr.ant-table-row') },
  releases: { at: 'releases', ready: wait('.ant-table') },
  'function-broken': { at: 'functions/broken', ready: wait('h1') },
  documents: { at: 'documents/orders', ready: wait('.document-card') },
  'documents-edit': {
    at: 'documents/orders',
    async ready (page) {
      await page.locator('.document-card button').first().click()
      await page.locator('.ant-drawer .cm-line').first().waitFor()
      await page.waitForFunction(() => !document.querySelector('.ant-drawer-panel-motion-right-enter-active'))
    }
  },
  'documents-history': {
    at: 'documents/orders',
    async ready (page) {
      await page.getByTestId('past').first().click()
      await page.locator('.ant-drawer .log').first().waitFor()
      await page.waitForFunction(() => !document.querySelector('.ant-drawer-panel-motion-right-enter-active'))
    }
  },
  'documents-trash': {
    at: 'documents/orders',
    async ready (page) {
      await page.getByTestId('trash').click()
      await page.locator('.ant-drawer .ant-card').first().waitFor()
      await page.waitForFunction(() => !document.querySelector('.ant-drawer-panel-motion-right-enter-active'))
    }
  },
  'documents-none': { at: 'documents/notes', ready: wait('.ant-empty') },
  files: { at: 'files', ready: wait('tbody a') },
  triggers: { at: 'triggers', ready: wait('tbody a') },
  'triggers-history': {
    at: 'triggers',
    async ready (page) {
      await page.getByTestId('history').first().click()
      await page.locator('.ant-drawer tr.ant-table-row td').first().waitFor()
    }
  },
  users: { at: 'users', ready: wait('tbody tr td .mono') },
  settings: { at: 'settings', ready: wait('form') },
  unknown: { at: 'functions/there-is-none', ready: wait('.ant-alert') }
}

async function look (browser, server, name, settings, pages, folder) {
  const context = await browser.newContext(settings)
  const page = await context.newPage()
  page.setDefaultTimeout(30000)
  const problems = []
  const wide = []
  let at = ''
  page.on('pageerror', e => problems.push(`${at}: ${e}`))
  page.on('console', m => {
    if (m.type() === 'error' && !(at === 'unknown' && m.text().includes('404'))) problems.push(`${at}: ${m.text()}`)
  })
  await page.goto(server.consoleLink)
  await page.locator('h1').waitFor()
  for (const [key, { at: place, ready }] of Object.entries(pages)) {
    at = key
    await page.goto(`${server.url}/console/${server.app}/${place}`)
    await ready(page).catch(e => problems.push(`${key}: ${e.message}`))
    // Two frames: what was just drawn has its final place.
    await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve))))
    const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    if (width > 0) wide.push(`${key}: ${width} px`)
    if (folder) {
      await page.waitForTimeout(350) // pictures show the end of an animation
      await page.screenshot({ path: path.join(folder, `${key}-${name}.png`) })
    }
  }
  await context.close()
  return { problems, wide }
}

module.exports = { look, looks, pages }
