// @cloudbase/cli with a project of its own: nothing but the preload and YUNDUO_URL are added to its surroundings.
'use strict'
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { execFile, execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { row } = require('./results')
const { start } = require('./server')
const preload = require('./preload')

const { works } = row({ package: '@cloudbase/cli', setting: 'preload' })

let server, folder
before(async () => {
  server = await start()
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'yunduo-cli-'))
  preload.write(folder)
  const project = {
    version: '2.0',
    envId: '{{env.ENV_ID}}',
    functionRoot: 'functions',
    functions: [{
      name: 'greet', timeout: 5, runtime: 'Nodejs18.15', handler: 'index.main', envVariables: { WORD: '{{env.WORD}}' },
      triggers: [{ name: 'nightly', type: 'timer', config: '0 0 2 1 * * *' }]
    }]
  }
  write('cloudbaserc.json', JSON.stringify(project))
  write('.env', `ENV_ID=${server.app}\nWORD=hello\n`)
  write('functions/greet/index.js', "exports.main = async event => { console.log('greeting', event.name); return `${process.env.WORD} ${event.name}` }")
})
after(async () => {
  fs.rmSync(folder, { recursive: true, force: true })
  await server.stop()
})

function write (name, text) {
  fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
  fs.writeFileSync(path.join(folder, name), text)
}

/** Does what the guide says, and returns what that printed. */
function fromGuide () {
  const guide = fs.readFileSync(path.join(__dirname, '../../docs/guides/migrate-from-cloudbase.md'), 'utf8')
  const lines = /^```sh project=cli\n([\s\S]*?)^```$/m.exec(guide)[1]
    .replaceAll('https://cloud.example.com', server.url).replaceAll('SECRET_ID', server.secretId).replaceAll('SECRET_KEY', server.secretKey)
  const bin = path.join(folder, 'bin')
  fs.mkdirSync(bin)
  fs.symlinkSync(process.env.YUNDUO_BINARY, path.join(bin, 'yunduo'))
  const tools = path.join(__dirname, 'node_modules/.bin')
  return execFileSync('sh', ['-ec', lines], { cwd: folder, env: { ...surroundings(), PATH: [bin, tools, process.env.PATH].join(path.delimiter) }, encoding: 'utf8', timeout: 60000, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** The user's own, with a home of its own. */
const surroundings = () => ({ ...process.env, HOME: folder, USERPROFILE: folder, LANG: 'en_US.UTF-8' })

/** Runs the command line to its end and returns what it printed. */
function tcb (...args) {
  const env = { ...surroundings(), YUNDUO_URL: server.url, NODE_OPTIONS: `--require ${path.join(folder, 'yunduo-cloudbase.js')}` }
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [require.resolve('@cloudbase/cli/bin/tcb'), ...args], { cwd: folder, env, timeout: 60000 }, (error, stdout, stderr) => {
      const text = stdout + stderr
      error && error.killed ? reject(new Error(`tcb ${args.join(' ')} did not end: ${text}`)) : resolve(text)
    })
    child.stdin.end()
  })
}

works('deploying', 'login; environments; functions: deploy, list, detail, invoke, log, triggers, code and settings, versions and their shares of the calls, delete', async () => {
  const told = fromGuide()
  assert.ok(told.includes(server.app), told)
  assert.match(await tcb('fn', 'deploy', 'greet', '--yes'), /deployed successfully|部署成功/)
  assert.match(await tcb('fn', 'list'), /greet/)
  const detail = await tcb('fn', 'detail', 'greet')
  assert.match(detail, /WORD=hello/)
  assert.match(detail, /nightly.*0 0 2 1 \* \* \*/)
  const called = await tcb('fn', 'invoke', 'greet', '--params', '{"name":"li"}')
  assert.match(called, /"hello li"/)
  assert.match(called, /greeting li/)

  write('.env', `ENV_ID=${server.app}\nWORD=bye\n`)
  assert.match(await tcb('fn', 'deploy', 'greet', '--force', '--yes'), /deployed successfully|部署成功/)
  assert.match(await tcb('fn', 'invoke', 'greet', '--params', '{"name":"han"}'), /"bye han"/)
  const log = await tcb('fn', 'log', 'greet')
  assert.match(log, /greeting li/)
  assert.match(log, /greeting han/)

  await tcb('fn', 'trigger', 'delete', 'greet', 'nightly')
  assert.doesNotMatch(await tcb('fn', 'detail', 'greet'), /0 0 2 1/)
  await tcb('fn', 'trigger', 'create', 'greet')
  write('functions/greet/index.js', "exports.main = async () => 'again'")
  assert.match(await tcb('fn', 'code', 'update', 'greet'), /updated successfully|更新成功/)
  assert.match(await tcb('fn', 'invoke', 'greet'), /"again"/)
  assert.match(await tcb('fn', 'detail', 'greet'), /nightly.*0 0 2 1/)

  await tcb('fn', 'publish-version', 'greet', 'the newest')
  const plain = text => text.replace(/\x1b\[\d+m/g, '')
  const numbers = [...plain(await tcb('fn', 'list-function-versions', 'greet')).matchAll(/│ +(\d+) +│.*Deployment completed/g)].map(m => m[1])
  assert.equal(numbers.length, 3)
  await tcb('fn', 'config-route', 'greet', numbers[1], '90', numbers[0], '10')
  assert.match(plain(await tcb('fn', 'get-route', 'greet')), new RegExp(`│ +${numbers[1]} +│ +90 +│[^]*│ +${numbers[0]} +│ +10 +│`))
  await tcb('fn', 'delete', 'greet')
  assert.doesNotMatch(await tcb('fn', 'list'), /greet/)
})

test('without its address the preload refuses to start, rather than call the vendor', async () => {
  const saved = server.url
  server.url = ''
  try {
    assert.match(await tcb('env', 'list'), /YUNDUO_URL is not set/)
  } finally {
    server.url = saved
  }
})
