'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { Readable } = require('node:stream')
const { EventEmitter } = require('node:events')
const { wxServer, failure, rejection } = require('./support')

const MIB = 1 << 20

/** A host that keeps files in memory, with the limits of the real one. */
function storage () {
  const files = new Map()
  const uploads = new Map()
  const limited = bytes => {
    assert.ok(bytes.length <= 4 * MIB, `an attachment of ${bytes.length} bytes`)
    return Buffer.from(bytes)
  }
  return {
    files,
    'files.write': ({ path }, bytes) => { files.set(path, limited(bytes)); return { fileId: `cloud://app/${path}` } },
    'files.beginWrite': ({ path }) => { uploads.set('u1', [path]); return { upload: 'u1' } },
    'files.appendWrite': ({ upload }, bytes) => { uploads.get(upload).push(limited(bytes)); return {} },
    'files.endWrite': ({ upload }) => {
      const [path, ...parts] = uploads.get(upload)
      files.set(path, Buffer.concat(parts))
      return { fileId: `cloud://app/${path}` }
    },
    'files.read': ({ fileId, offset, length }) => {
      const content = files.get(fileId.slice('cloud://app/'.length))
      if (!content) return failure('file_not_found', 'no such file')
      return { response: { size: content.length, contentType: 'text/plain' }, attachment: content.subarray(offset, offset + length) }
    }
  }
}

const pattern = size => Buffer.from(Uint8Array.from({ length: size }, (x, i) => i * 31 + (i >> 12)))
const chunked = (content, size) => Readable.from((function * () { for (let i = 0; i < content.length; i += size) yield content.subarray(i, i + size) })())
function oldStream (content) { // a stream of the first kind: events and pipe only
  const stream = new EventEmitter()
  Object.assign(stream, { pipe () {}, pause () {}, resume () {} })
  setImmediate(() => { stream.emit('data', content); stream.emit('end') })
  return stream
}

const sizes = [0, 1, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB]
for (const size of sizes) {
  test(`upload and download of ${size} bytes, as Buffer and as stream`, async () => {
    for (const make of [content => content, content => chunked(content, 65537), content => new Uint8Array(content)]) {
      const content = pattern(size)
      const { cloud } = wxServer(storage())
      const { fileID, errMsg } = await cloud.uploadFile({ cloudPath: 'a/b.bin', fileContent: make(content) })
      assert.equal(errMsg, 'uploadFile:ok')
      assert.equal(fileID, 'cloud://app/a/b.bin')
      const { fileContent, statusCode } = await cloud.downloadFile({ fileID })
      assert.ok(Buffer.isBuffer(fileContent))
      assert.equal(statusCode, 200)
      assert.ok(fileContent.equals(content), 'the bytes are the same')
    }
  })
}

test('small files are one operation, large ones go piece by piece', async () => {
  const { cloud, host } = wxServer(storage())
  await cloud.uploadFile({ cloudPath: '/small.txt', fileContent: 'text' })
  await cloud.uploadFile({ cloudPath: 'large.bin', fileContent: chunked(pattern(9 * MIB), MIB) })
  assert.deepEqual(host.taken().map(([name, request]) => [name, request.path]), [
    ['files.write', 'small.txt'], ['files.beginWrite', 'large.bin'], ['files.appendWrite', undefined], ['files.appendWrite', undefined],
    ['files.appendWrite', undefined], ['files.endWrite', undefined]
  ])
})

test('streams of old libraries', async () => {
  const replies = storage()
  await wxServer(replies).cloud.uploadFile({ cloudPath: 'old.txt', fileContent: oldStream(Buffer.from('old')) })
  assert.equal(replies.files.get('old.txt').toString(), 'old')
})

test('a stream that fails fails the upload with its error', async () => {
  const { cloud } = wxServer(storage())
  const broken = new Readable({ read () { this.destroy(new Error('disk trouble')) } })
  assert.match((await rejection(cloud.uploadFile({ cloudPath: 'x', fileContent: broken }))).errMsg, /uploadFile:fail .*disk trouble/)
})

test('mistakes are named', async () => {
  const { cloud, host } = wxServer(storage())
  assert.match((await rejection(cloud.uploadFile({ fileContent: 'x' }))).errMsg, /uploadFile:fail parameter\.cloudPath/)
  assert.match((await rejection(cloud.uploadFile({ cloudPath: 'x' }))).errMsg, /uploadFile:fail parameter\.fileContent/)
  assert.match((await rejection(cloud.downloadFile({}))).errMsg, /downloadFile:fail parameter\.fileID/)
  assert.match((await rejection(cloud.getTempFileURL({}))).errMsg, /getTempFileURL:fail parameter\.fileList should be array/)
  assert.match((await rejection(cloud.deleteFile({ fileList: [7] }))).errMsg, /deleteFile:fail parameter\.fileList should hold file IDs/)
  assert.deepEqual(host.taken(), [])
})

test('download of a missing file', async () => {
  const error = await rejection(wxServer(storage()).cloud.downloadFile({ fileID: 'cloud://app/none' }))
  assert.equal(error.errCode, -503003)
})
test('a file that ends early is an error, not a short file', async () => {
  const { cloud } = wxServer({ 'files.read': ({ offset }) => ({ response: { size: 10 }, attachment: Buffer.alloc(offset === 0 ? 4 : 0) }) })
  assert.match((await rejection(cloud.downloadFile({ fileID: 'x' }))).errMsg, /ended at 4 of 10/)
})

test('getTempFileURL and deleteFile answer per file', async () => {
  const { cloud, host } = wxServer({
    'files.urls': { files: [{ fileId: 'a', url: 'http://x/a', maxAge: 60 }, { fileId: 'b', error: { reason: 'file_not_found', message: 'no', code: 'not_found' } }] },
    'files.delete': { files: [{ fileId: 'a' }, { fileId: 'b', error: { reason: 'file_denied', message: 'no', code: 'denied' } }] }
  })
  assert.deepEqual(await cloud.getTempFileURL({ fileList: [{ fileID: 'a', maxAge: 60 }, 'b'] }), {
    fileList: [
      { fileID: 'a', tempFileURL: 'http://x/a', maxAge: 60, status: 0, errMsg: 'ok' },
      { fileID: 'b', tempFileURL: '', maxAge: undefined, status: -503003, errMsg: 'storage file not exists' }
    ],
    errMsg: 'getTempFileURL:ok'
  })
  assert.deepEqual(await cloud.deleteFile({ fileList: ['a', 'b'] }), {
    fileList: [{ fileID: 'a', status: 0, errMsg: 'ok' }, { fileID: 'b', status: -503002, errMsg: 'storage permission denied' }], errMsg: 'deleteFile:ok'
  })
  assert.deepEqual(host.taken(), [['files.urls', { files: [{ fileId: 'a', maxAge: 60 }, { fileId: 'b' }] }], ['files.delete', { fileIds: ['a', 'b'] }]])
})
