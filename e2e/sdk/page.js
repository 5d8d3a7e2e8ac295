// page.js FOLDER [--write]: docs/compatibility.md from the results in FOLDER; without --write it only compares.
'use strict'
const fs = require('node:fs')
const path = require('node:path')

const page = path.join(__dirname, '../../docs/compatibility.md')
const areas = ['sign-in', 'account', 'documents', 'aggregation', 'transactions', 'functions', 'files', 'watch', 'rules', 'users', 'deploying']

function render (results) {
  const rows = new Map()
  for (const r of results) {
    const key = JSON.stringify([r.package, r.version, r.setting])
    if (!rows.has(key)) rows.set(key, { ...r, works: new Map(), lacks: new Map() })
    const cells = rows.get(key)[r.kind]
    if (!cells.has(r.area)) cells.set(r.area, new Set())
    cells.get(r.area).add(r.title)
  }
  const place = area => { const i = areas.indexOf(area); return i < 0 ? areas.length : i }
  const list = cells => [...cells.keys()].sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1))
  const number = version => version.split('.').map(n => n.padStart(4, '0')).join('.')
  const order = r => [r.package, number(r.version), r.setting]
  const sorted = [...rows.values()].sort((a, b) => {
    const [x, y] = [order(a), order(b)]
    if (x[0] !== y[0]) return x[0] < y[0] ? -1 : 1
    if (x[1] !== y[1]) return x[1] < y[1] ? 1 : -1
    return x[2] < y[2] ? -1 : 1
  })
  let text = fs.readFileSync(path.join(__dirname, 'page.txt'), 'utf8')
  text += '\n| package | version | setting | works | does not |\n| --- | --- | --- | --- | --- |\n'
  for (const r of sorted) text += `| \`${r.package}\` | ${r.version} | ${r.setting} | ${list(r.works).join(', ') || '-'} | ${list(r.lacks).join(', ') || '-'} |\n`
  text += '\n## What stands behind each row\n'
  for (const r of sorted) {
    text += `\n### ${r.package} ${r.version}: ${r.setting.replaceAll('`', '')}\n\n`
    for (const area of list(r.works)) text += item(area, r.works.get(area))
    for (const area of list(r.lacks)) text += item(`not ${area}`, r.lacks.get(area))
  }
  return text
}

const item = (area, titles) => `- ${area}: ${[...titles].sort().join(' · ')}\n`

const [folder, mode] = process.argv.slice(2)
const results = fs.readdirSync(folder).flatMap(name => fs.readFileSync(path.join(folder, name), 'utf8').trim().split('\n').filter(Boolean).map(line => JSON.parse(line)))
const text = render(results)
if (mode === '--write') {
  fs.writeFileSync(page, text)
} else if (!fs.existsSync(page) || fs.readFileSync(page, 'utf8') !== text) {
  console.error('docs/compatibility.md is not what the tests found: run `make compatibility-page`')
  fs.writeFileSync(path.join(folder, 'compatibility.md'), text)
  require('node:child_process').spawnSync('diff', ['-u', page, path.join(folder, 'compatibility.md')], { stdio: 'inherit' })
  process.exit(1)
}
