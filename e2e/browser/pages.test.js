'use strict'
// Every page with real content, at desktop and phone width, light and dark, English and Chinese: nothing sticks out
// sideways and nothing complains. SCREENSHOTS=folder keeps a picture of each.
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { startServer, startBrowser } = require('./server')
const { prepare, fill, visitor, traffic } = require('./content')
const { pages, look, looks } = require('./looks')

let server, browser
before(async () => {
  server = await startServer(prepare)
  browser = await startBrowser()
  await fill(server)
  for (const openId of [undefined, 'o7Xk2-li']) await traffic(server, await visitor(server, openId), 40)
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

for (const [name, settings] of Object.entries(looks)) {
  test(`every page: ${name}`, async () => {
    const { problems, wide } = await look(browser, server, name, settings, pages, process.env.SCREENSHOTS)
    assert.deepEqual(problems, [])
    assert.deepEqual(wide, [])
  })
}
