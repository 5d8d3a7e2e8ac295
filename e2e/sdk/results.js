// Tests that say what a package is good for: each belongs to a cell of docs/compatibility.md.
'use strict'
const { test } = require('node:test')
const fs = require('node:fs')
const path = require('node:path')

const folder = process.env.YUNDUO_RESULTS

/** The exact version that is installed here under a name of package.json. */
const installed = name => JSON.parse(fs.readFileSync(path.join(__dirname, 'node_modules', name, 'package.json'), 'utf8')).version

/**
 * A row of the page: `package` as npm knows it, `from` the name it is installed under, `setting` what points it at us.
 * works() takes a test of something that works, lacks() one which shows that something is refused, and how.
 */
function row ({ package: name, from = name, setting }) {
  const version = installed(from)
  const add = kind => (area, title, run) => test(`${name} ${version}, ${setting}: ${area}: ${title}`, async t => {
    await run(t)
    if (folder) fs.appendFileSync(path.join(folder, `${path.basename(require.main?.filename || 'tests')}-${process.pid}`), JSON.stringify({ package: name, version, setting, kind, area, title }) + '\n')
  })
  return { works: add('works'), lacks: add('lacks') }
}

module.exports = { row }
