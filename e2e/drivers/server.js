// Starts `yunduo dev` with the MongoDB listener on an empty project and stops it by its process ID.
'use strict'
const { spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const binary = path.resolve(process.env.YUNDUO_BINARY || path.join(__dirname, '../../bin/yunduo'))

async function end (child, folder) {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
  }
  fs.rmSync(folder, { recursive: true, force: true })
}

async function startServer () {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'yunduo-drivers-'))
  const project = path.join(work, 'shop')
  fs.mkdirSync(path.join(project, 'cloudfunctions'), { recursive: true })
  const child = spawn(binary, ['dev', project, '--port', '0', '--mongo-port', '0'], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, YUNDUO_LANG: 'en' } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { output += text })
  const ready = path.join(project, '.yunduo', 'dev.json')
  const limit = Date.now() + 60_000
  while (!fs.existsSync(ready) || !/MongoDB URL/.test(output)) { // polls because it watches another process
    if (child.exitCode !== null || Date.now() > limit) {
      await end(child, work)
      throw new Error(`the server is not ready: ${output}`)
    }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  const info = JSON.parse(fs.readFileSync(ready, 'utf8'))
  return { ...info, printed: output.match(/MongoDB URL\s+(\S+)/)[1], stop: () => end(child, work) }
}

module.exports = { startServer }
