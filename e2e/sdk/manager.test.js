// @cloudbase/manager-node: environments, functions, files, collections, permissions.
'use strict'
const { before, after } = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { row } = require('./results')
const { start } = require('./server')
const preload = require('./preload')

const { works, lacks } = row({ package: '@cloudbase/manager-node', setting: 'preload' })

let server, manager, folder
before(async () => {
  server = await start({ flags: ['--cos-signatures'] })
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'yunduo-manager-'))
  process.env.YUNDUO_URL = server.url
  require(preload.write(folder))
  manager = open(server.secretId, server.secretKey)
})
after(async () => {
  fs.rmSync(folder, { recursive: true, force: true })
  await server.stop()
  setImmediate(() => process.exit(process.exitCode)) // the SDK keeps connections open
})

function open (secretId, secretKey, envId = server.app) {
  const Manager = require('@cloudbase/manager-node')
  return new Manager({ secretId, secretKey, envId })
}

/** Puts a function's folder on disk. */
function source (name, files) {
  const dir = path.join(folder, 'functions', name)
  for (const [file, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, file)), { recursive: true })
    fs.writeFileSync(path.join(dir, file), text)
  }
  return path.join(folder, 'functions')
}

works('deploying', 'environments, safe domains, keys for tickets', async () => {
  const { EnvList } = await manager.env.listEnvs()
  assert.deepEqual(EnvList.map(e => [e.EnvId, e.Status]), [[server.app, 'NORMAL']])
  const { EnvInfo } = await manager.env.getEnvInfo()
  assert.equal(EnvInfo.EnvId, server.app)
  await manager.env.updateEnvInfo('a new name')
  assert.equal((await manager.env.getEnvInfo()).EnvInfo.Alias, 'a new name')
  await manager.env.cloudService.request('CreateAuthDomain', { EnvId: server.app, Domains: ['shop.example.com', 'localhost:8080'] })
  assert.deepEqual((await manager.env.getEnvAuthDomains()).Domains.map(d => d.Id), ['https://shop.example.com', 'http://localhost:8080'])
  await manager.env.cloudService.request('DeleteAuthDomain', { EnvId: server.app, DomainIds: ['https://shop.example.com'] })
  assert.deepEqual((await manager.env.getEnvAuthDomains()).Domains.map(d => d.Domain), ['localhost:8080'])
  const keys = await manager.env.createCustomLoginKeys()
  assert.match(keys.PrivateKey, /PRIVATE KEY/)
})

works('deploying', 'wrong keys and other environments are refused', async () => {
  await assert.rejects(open(server.secretId, 'wrong').env.listEnvs(), { code: 'AuthFailure.SignatureFailure' })
  await assert.rejects(open('AKIDunknown', server.secretKey).env.listEnvs(), { code: 'AuthFailure.SignatureFailure' })
  const unsigned = await fetch(server.url + '/', { method: 'POST', headers: { 'x-tc-action': 'DescribeEnvs' }, body: '{}' })
  assert.equal((await unsigned.json()).Response.Error.Code, 'AuthFailure')
  await assert.rejects(manager.env.cloudService.request('DestroyEnv', { EnvId: server.app }), { code: 'InvalidAction' })
})

works('deploying', 'functions and their triggers: create, call, change, download, list, delete', async () => {
  const root = source('greet', {
    'index.js': "const { word } = require('./lib/word')\nexports.main = async event => { console.log('called'); if (event.fail) throw new Error('as asked'); return { word, mood: process.env.MOOD, name: event.name } }",
    'lib/word.js': "exports.word = 'hello'",
    'data.bin': Buffer.alloc(3 << 20, 7).map((_, i) => (i * 2654435761) >>> 24) // in parts, since it does not compress
  })
  const func = { name: 'greet', timeout: 5, runtime: 'Nodejs18.15', envVariables: { MOOD: 'good' }, triggers: [{ name: 'nightly', type: 'timer', config: '0 0 2 1 * * *' }] }
  await manager.functions.createFunction({ func, functionRootPath: root })
  const result = await manager.functions.invokeFunction('greet', { name: '李' })
  assert.deepEqual(JSON.parse(result.RetMsg), { word: 'hello', mood: 'good', name: '李' })
  assert.equal(result.InvokeResult, 0)
  assert.match(result.Log, /called/)
  assert.match(result.FunctionRequestId, /^[0-9a-f]{32}/)
  const failed = await manager.functions.invokeFunction('greet', { fail: true })
  assert.equal(failed.InvokeResult, -1)
  assert.match(failed.RetMsg, /as asked/)

  await assert.rejects(manager.functions.createFunction({ func, functionRootPath: root }), { code: 'ResourceInUse.FunctionName' })
  source('greet', { 'lib/word.js': "exports.word = 'bye'" })
  await manager.functions.updateFunctionCode({ func, functionRootPath: root, deployMode: 'cos' })
  await manager.functions.updateFunctionConfig({ name: 'greet', timeout: 7, envVariables: { MOOD: 'better' } })
  const detail = await manager.functions.getFunctionDetail('greet')
  assert.equal(detail.Timeout, 7)
  assert.deepEqual(detail.Environment.Variables, [{ Key: 'MOOD', Value: 'better' }])
  assert.match(detail.CodeInfo, /as asked/)
  assert.deepEqual(detail.Triggers.map(t => [t.TriggerName, t.TriggerDesc]), [['nightly', '0 0 2 1 * * *']])
  assert.deepEqual(JSON.parse((await manager.functions.invokeFunction('greet')).RetMsg), { word: 'bye', mood: 'better' })

  const into = path.join(folder, 'downloaded')
  fs.mkdirSync(into)
  await manager.functions.downloadFunctionCode({ destPath: into, envId: server.app, functionName: 'greet' })
  assert.equal(fs.readFileSync(path.join(into, 'lib/word.js'), 'utf8'), "exports.word = 'bye'")
  assert.equal(fs.statSync(path.join(into, 'data.bin')).size, 3 << 20)
  const { Url } = await manager.functions.getFunctionDownloadUrl('greet')
  assert.equal((await fetch(Url.replace(/ticket=[^&]*/, 'ticket=forged'))).status, 401)

  await manager.functions.createFunctionTriggers('greet', [{ name: 'nightly', type: 'timer', config: '0 30 2 1 * * *' }, { name: 'hourly', type: 'timer', config: '0 0 * * * * *' }])
  await manager.functions.deleteFunctionTrigger('greet', 'nightly')
  assert.deepEqual((await manager.functions.getFunctionDetail('greet')).Triggers.map(t => t.TriggerName), ['hourly'])
  await assert.rejects(manager.functions.createFunctionTriggers('greet', [{ name: 'never', type: 'timer', config: 'soon' }]), /never/)

  assert.ok((await manager.functions.listFunctions(100)).some(f => f.FunctionName === 'greet' && f.Status === 'Active'))
  assert.equal((await manager.functions.getFunctionList(1, 1)).Functions.length, 1)
  await manager.functions.deleteFunction('greet')
  await assert.rejects(manager.functions.getFunctionDetail('greet'), { code: 'ResourceNotFound.Function' })
})

works('versions', 'publish, list; aliases: share calls between two, by ranges or weights', async () => {
  const func = { name: 'shared', runtime: 'Nodejs18.15' }
  const deploy = async (text, make) => make({ func, functionRootPath: source('shared', { 'index.js': `exports.main = () => '${text}'` }) })
  await deploy('old', o => manager.functions.createFunction(o))
  const old = (await manager.functions.publishVersion({ functionName: 'shared' })).FunctionVersion
  await deploy('new', o => manager.functions.updateFunctionCode(o))
  const latest = (await manager.functions.publishVersion({ functionName: 'shared' })).FunctionVersion
  assert.ok(Number(latest) > Number(old))
  const page = await manager.functions.listVersionByFunction({ functionName: 'shared', offset: 1, limit: 1 })
  assert.deepEqual([page.Versions.map(v => v.Version), page.TotalCount], [[old], 2])

  const alias = (name, functionVersion, routingConfig) => manager.functions.updateFunctionAliasConfig({ functionName: 'shared', name, functionVersion, routingConfig })
  const shares = async name => (await manager.functions.getFunctionAlias({ functionName: 'shared', name })).RoutingConfig.AddtionVersionMatchs.map(m => [m.Version, m.Expression])
  const range = (Version, Expression) => ({ Key: 'invoke.headers.X-Tcb-Route-Key', Method: 'range', Version, Expression })
  await alias('$DEFAULT', '$LATEST', { AddtionVersionMatchs: [range(old, '[0,75)')] })
  assert.deepEqual(await shares('$DEFAULT'), [[latest, '[0,75)'], [old, '[75,100)']].map(([v], i) => [v, i ? '[25,100)' : '[0,25)']))
  await alias('$DEFAULT', old)
  assert.deepEqual(await shares('$DEFAULT'), [[old, '[0,100)']])
  await alias('beta', old, { AdditionalVersionWeights: [{ Version: latest, Weight: 0.125 }] })
  assert.deepEqual(await shares('beta'), [[old, '[0,87.5)'], [latest, '[87.5,100)']])
  await alias('beta', latest)
  const app = require('@cloudbase/node-sdk').init({ env: server.app, secretId: server.secretId, secretKey: server.secretKey, serviceUrl: server.url + '/admin' })
  const said = async qualifier => (await app.callFunction({ name: 'shared', qualifier })).result
  assert.deepEqual([await said(), await said('beta'), await said(latest), await said('$LATEST')], ['old', 'new', 'new', 'old'])

  for (const wrong of [{ AddtionVersionMatchs: [range(old, '[10,20)')] }, { AddtionVersionMatchs: [range(old, '[0,200)')] }, { AddtionVersionMatchs: [range(old, 'all')] }, { AdditionalVersionWeights: [{ Version: old, Weight: 2 }] }]) {
    await assert.rejects(alias('beta', latest, wrong), { code: 'InvalidParameterValue' })
  }
  await assert.rejects(alias('beta', '999'), /999/)
  await assert.rejects(alias('Beta!', latest), { code: 'InvalidParameterValue' })
  await assert.rejects(shares('gamma'), { code: 'ResourceNotFound.Alias' })
  assert.deepEqual(await shares('beta'), [[latest, '[0,100)']])
})

lacks('other languages and images', 'refused when they are deployed', async () => {
  const root = source('odd', { 'index.js': 'exports.main = () => 1' })
  const create = func => manager.functions.scfService.request('CreateFunction', { FunctionName: 'odd', Namespace: server.app, Code: { ZipFile: 'UEsF' }, ...func })
  await assert.rejects(create({ Runtime: 'Python3.9' }), { code: 'UnsupportedOperation' })
  await assert.rejects(create({}), { code: 'InvalidParameterValue' })
  await assert.rejects(create({ Code: { TempCosObjectName: '/of/somebody.zip' } }), { code: 'InvalidParameterValue' })
  source('odd', { 'index.js': 'exports.main = (' })
  await assert.rejects(manager.functions.createFunction({ func: { name: 'odd', runtime: 'Nodejs18.15' }, functionRootPath: root }), /index\.js/)
})

works('files', 'upload, list, info, address, download, delete, permissions (with `--cos-signatures`)', async () => {
  const file = path.join(folder, '图 1.txt')
  fs.writeFileSync(file, 'content')
  await manager.storage.uploadFile({ localPath: file, cloudPath: 'docs/图 1.txt' })
  await manager.storage.uploadFile({ localPath: file, cloudPath: 'docs/more/2.txt' })
  assert.deepEqual((await manager.storage.listDirectoryFiles('docs')).map(f => f.Key).sort(), ['docs/more/2.txt', 'docs/图 1.txt'])
  const here = await manager.storage.listCurrentDirectory('docs')
  assert.deepEqual([here.files.map(f => f.Key), here.directories], [['docs/图 1.txt'], ['docs/more/']])
  const info = await manager.storage.getFileInfo('docs/图 1.txt')
  assert.match(info.Type, /^text\/plain/)
  const [{ url }] = await manager.storage.getTemporaryUrl(['docs/图 1.txt'])
  assert.equal(await (await fetch(url)).text(), 'content')
  const copy = path.join(folder, 'copy.txt')
  await manager.storage.downloadFile({ cloudPath: 'docs/图 1.txt', localPath: copy })
  assert.equal(fs.readFileSync(copy, 'utf8'), 'content')
  await manager.storage.deleteFile(['docs/图 1.txt'])
  await assert.rejects(manager.storage.getTemporaryUrl(['docs/图 1.txt']), /图 1/)
  await manager.storage.deleteDirectory('docs')
  assert.deepEqual(await manager.storage.listDirectoryFiles('docs'), [])
  await manager.storage.setStorageAcl('READONLY')
  assert.equal(await manager.storage.getStorageAcl(), 'READONLY')
  const forged = open(server.secretId, 'wrong')
  await assert.rejects(forged.storage.uploadFile({ localPath: file, cloudPath: 'docs/3.txt' }))
})

works('files', 'in parts from 5 MiB on, with some of them abandoned (with `--cos-signatures`)', async () => {
  const file = path.join(folder, 'film.bin')
  const bytes = Buffer.alloc((6 << 20) + 5, 0).map((_, i) => (i * 2654435761) >>> 24)
  fs.writeFileSync(file, bytes)
  await manager.storage.uploadFile({ localPath: file, cloudPath: '影片/film 1.bin' })
  const [{ url }] = await manager.storage.getTemporaryUrl(['影片/film 1.bin'])
  assert.ok(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(bytes))
  // The client's own store, as the SDK made it, for what the SDK does by itself only when an upload fails.
  const cos = manager.storage.getCos()
  const { bucket: Bucket, region: Region } = manager.storage.getStorageConfig()
  const place = { Bucket, Region, Key: '影片/2.bin' }
  const call = (name, more = {}) => new Promise((resolve, reject) => cos[name]({ ...place, ...more }, (err, data) => err ? reject(err) : resolve(data)))
  const { UploadId } = await call('multipartInit')
  const part = await call('multipartUpload', { UploadId, PartNumber: 1, Body: Buffer.from('begun') })
  const listed = await call('multipartListPart', { UploadId })
  assert.deepEqual(listed.Part.map(p => [Number(p.PartNumber), Number(p.Size), p.ETag]), [[1, 5, listed.Part[0].ETag]])
  const unfinished = await call('multipartList', { Prefix: '影片/' })
  assert.deepEqual(unfinished.Upload.map(u => [u.Key, u.UploadID ?? u.UploadId]), [['影片/2.bin', UploadId]])
  await assert.rejects(call('multipartComplete', { UploadId, Parts: [{ PartNumber: 1, ETag: part.ETag }, { PartNumber: 2, ETag: part.ETag }] }), { statusCode: 400 })
  await assert.rejects(call('multipartUpload', { UploadId: 'a' + UploadId, PartNumber: 1, Body: 'x' }), { statusCode: 404 })
  await call('multipartAbort', { UploadId })
  await assert.rejects(call('multipartComplete', { UploadId, Parts: [{ PartNumber: 1, ETag: part.ETag }] }), { statusCode: 404 })
  const forged = open(server.secretId, 'wrong')
  await assert.rejects(forged.storage.uploadFile({ localPath: file, cloudPath: '影片/3.bin' }))
  assert.deepEqual((await manager.storage.listDirectoryFiles('影片')).map(f => f.Key), ['影片/film 1.bin'])
})

const admin = row({ package: 'tcb-admin-node', setting: 'init option `serviceUrl`; server with `--cos-signatures`' })
admin.works('documents', 'add, update, get; wrong keys are refused', async () => {
  const tcb = require('tcb-admin-node')
  const app = secretKey => tcb.init({ env: server.app, secretId: server.secretId, secretKey, serviceUrl: `${server.url}/admin` })
  await manager.database.createCollectionIfNotExists('old')
  const old = app(server.secretKey).database().collection('old')
  const { id } = await old.add({ n: 1, at: new Date(5), text: '云 "quoted"' })
  await old.doc(id).update({ n: app(server.secretKey).database().command.inc(1) })
  const [document] = (await old.doc(id).get()).data
  assert.deepEqual([document.n, document.text], [2, '云 "quoted"'])
  const refused = await app('x'.repeat(32)).database().collection('old').get().catch(e => e)
  assert.ok(refused.code, JSON.stringify(refused))
})
admin.works('functions', 'data in, result out', async () => {
  const tcb = require('tcb-admin-node')
  const app = tcb.init({ env: server.app, secretId: server.secretId, secretKey: server.secretKey, serviceUrl: `${server.url}/admin` })
  assert.deepEqual((await app.callFunction({ name: 'echo', data: { a: 1 } })).result.event.a, 1)
})

works('documents', 'collections, indexes, commands', async () => {
  const { database } = manager
  assert.equal((await database.checkCollectionExists('managed')).Exists, false)
  assert.equal((await database.createCollectionIfNotExists('managed')).IsCreated, true)
  assert.ok((await database.listCollections()).Collections.some(c => c.CollectionName === 'managed'))
  await database.updateCollection('managed', { CreateIndexes: [{ IndexName: 'by_age', MgoKeySchema: { MgoIndexKeys: [{ Name: 'age', Direction: '-1' }], MgoIsUnique: false } }] })
  assert.equal((await database.checkIndexExists('managed', 'by_age')).Exists, true)
  await database.updateCollection('managed', { DropIndexes: [{ IndexName: 'by_age' }] })
  assert.equal((await database.checkIndexExists('managed', 'by_age')).Exists, false)
  const run = (CommandType, command) => database.runCommands({ MgoCommands: [{ TableName: 'managed', CommandType, Command: JSON.stringify(command) }] })
  await run('INSERT', { insert: 'managed', documents: [{ _id: 'a', age: 3 }] })
  const { Data } = await run('QUERY', { find: 'managed', filter: { age: { $gt: 1 } } })
  assert.deepEqual(JSON.parse(Data[0][0]), { _id: 'a', age: 3 })
  await database.deleteCollection('managed')
  assert.equal((await database.checkCollectionExists('managed')).Exists, false)
})
