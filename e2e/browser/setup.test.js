'use strict'
// A fresh `yunduo serve`: the printed link makes the first operator account, which makes the first app.
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { startBrowser, startServe } = require('./server')

let server, browser
before(async () => {
  server = await startServe()
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

async function visitor () {
  const page = await (await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'en-US', reducedMotion: 'reduce' })).newPage()
  page.setDefaultTimeout(30000)
  return page
}

test('the set-up link makes the first account and works once', async () => {
  const page = await visitor()
  await page.goto(server.setUpLink)
  await page.getByText('first operator account').waitFor()
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/set-up.png` })
  await page.getByLabel('User name').fill('operator')
  await page.getByLabel('Password').fill('short')
  await page.getByRole('button', { name: 'Set up the console' }).click()
  await page.locator('.ant-form-item-explain-error').waitFor()
  await page.getByLabel('Password').fill('a long enough password')
  await page.getByRole('button', { name: 'Set up the console' }).click()
  await page.getByLabel('App ID').fill('shop')
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/new-app.png` })
  await page.getByRole('button', { name: 'Create app' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await page.locator('.uplot').first().waitFor()
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/empty-overview.png` })

  const again = await visitor()
  await again.goto(server.setUpLink)
  await again.getByText('first operator account').waitFor()
  await again.getByLabel('User name').fill('intruder')
  await again.getByLabel('Password').fill('a long enough password')
  await again.getByRole('button', { name: 'Set up the console' }).click()
  await again.getByText('not valid or has expired').waitFor()
  await again.getByRole('button', { name: 'Sign in' }).waitFor()
})

test('the account signs in, a wrong password does not', async () => {
  const page = await visitor()
  await page.goto(`${server.url}/console/`)
  await page.getByLabel('User name').fill('operator')
  await page.getByLabel('Password').fill('a wrong password')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').waitFor()
  await page.getByLabel('Password').fill('a long enough password')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  assert.equal(new URL(page.url()).pathname, '/console/shop/overview')
  for (const place of ['functions', 'documents', 'files', 'triggers', 'users']) {
    await page.goto(`${server.url}/console/shop/${place}`)
    await page.locator('.ant-empty').first().waitFor()
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), place)
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/empty-${place}.png` })
  }
})
