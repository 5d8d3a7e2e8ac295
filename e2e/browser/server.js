// Starts `yunduo dev` on a copy of the example project and stops it by its process ID.
'use strict'
const { spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { chromium } = require('playwright-core')

const binary = path.resolve(process.env.YUNDUO_BINARY || path.join(__dirname, '../../bin/yunduo'))
const browserPath = process.env.CHROMIUM || ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(p => fs.existsSync(p))

/** Waits until probe() gives something truthy; polls because it watches another process. */
async function eventually (what, probe, seconds = 20) {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const value = await probe()
    if (value) return value
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

async function end (child, folder) {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
  }
  fs.rmSync(folder, { recursive: true, force: true })
}

/** prepare(project) may change the copy before the server starts. */
async function startServer (prepare) {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'yunduo-browser-'))
  const project = path.join(work, 'notes')
  fs.cpSync(path.join(__dirname, '../../examples/notes'), project, { recursive: true, filter: f => path.basename(f) !== '.yunduo' })
  prepare?.(project)
  const child = spawn(binary, ['dev', project, '--port', '0'], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, YUNDUO_LANG: 'en' } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { output += text })
  const stop = () => end(child, work)
  const ready = path.join(project, '.yunduo', 'dev.json')
  try {
    const info = await eventually(`dev.json (output: ${output})`, () => {
      if (child.exitCode !== null) throw new Error(`the server ended: ${output}`)
      return fs.existsSync(ready) && JSON.parse(fs.readFileSync(ready, 'utf8'))
    })
    const consoleLink = await eventually('the console link', () => output.match(/https?:\/\/\S+\/console\/#token=\S+/)?.[0])
    const site = await eventually('the page\'s address', () => output.match(/Web page\s+(\S+)/)?.[1])
    return { ...info, project, consoleLink, site, output: () => output, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Starts `yunduo serve` on an empty data directory. */
async function startServe () {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'yunduo-browser-'))
  const child = spawn(binary, ['serve', '--data', data, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, YUNDUO_LANG: 'en' } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { output += text })
  const stop = () => end(child, data)
  try {
    const setUpLink = await eventually('the set-up link', () => {
      if (child.exitCode !== null) throw new Error(`the server ended: ${output}`)
      return output.match(/https?:\/\/\S+\/console\/#token=\S+/)?.[0]
    })
    return { setUpLink, url: new URL(setUpLink).origin, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A browser that talks to this machine only. */
function startBrowser () {
  if (!browserPath) throw new Error('no Chromium found: install it or set CHROMIUM to its path')
  return chromium.launch({
    executablePath: browserPath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  })
}

module.exports = { startServer, startServe, startBrowser, eventually, binary }
