'use strict'
const { test, before, after } = require('node:test')
const path = require('node:path')
const { startServer, startBrowser } = require('./server')

// A red square: 8 x 8 pixels.
const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4z8CAFWEXHbQSACj/P8Fu7N9hAAAAAElFTkSuQmCC', 'base64')

let server, browser
before(async () => {
  server = await startServer()
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

async function visitor () {
  const page = await (await browser.newContext()).newPage()
  page.setDefaultTimeout(30000)
  await page.goto(server.site)
  return page
}

test('two visitors share notes with photos, and remove only their own', async () => {
  const [li, wang] = [await visitor(), await visitor()]
  await li.getByText('No notes yet').waitFor()
  await li.getByPlaceholder('Write a note').fill('你好，云朵')
  await li.locator('#photo').setInputFiles({ name: '照 片.png', mimeType: 'image/png', buffer: png })
  await li.getByRole('button', { name: 'Post' }).click()
  const own = li.locator('article', { hasText: '你好，云朵' })
  await own.waitFor()
  await li.waitForFunction(() => document.querySelector('article img')?.naturalWidth === 8)

  await wang.reload()
  const seen = wang.locator('article', { hasText: '你好，云朵' })
  await seen.waitFor()
  if (await seen.getByTitle('delete').count()) throw new Error('somebody else may delete the note')
  await seen.getByTitle('like').click()
  await seen.getByText('♥ 1').waitFor()
  await wang.setViewportSize({ width: 390, height: 844 })
  const tooWide = await wang.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  if (tooWide > 0) throw new Error(`the page is ${tooWide} px wider than a phone`)
  if (process.env.SCREENSHOTS) await wang.screenshot({ path: path.join(process.env.SCREENSHOTS, 'example-phone.png') })

  await own.getByTitle('delete').click()
  await li.getByText('No notes yet').waitFor()
})
