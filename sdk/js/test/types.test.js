'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const path = require('node:path')
const { spawnSync } = require('node:child_process')

for (const project of ['miniprogram', 'clients']) {
  test(`the types compile: ${project}`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [
      path.join(path.dirname(require.resolve('typescript/package.json')), 'bin', 'tsc'), '--project', path.join(__dirname, 'types', project)
    ], { encoding: 'utf8' })
    assert.equal(status, 0, stdout + stderr)
  })
}
