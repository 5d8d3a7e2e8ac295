'use strict'

const { requireString } = require('../core/files')
const { local } = require('../core/errors')

// One frame carries at most this many bytes of a file.
const PIECE = 4 << 20

/**
 * Stores a file. Small ones travel in one operation, larger ones piece by piece, never whole in memory twice.
 * @param {import('./host').Platform} platform
 * @param {{cloudPath: string, fileContent: (Buffer|Uint8Array|string|import('stream').Readable)}} options
 * @returns {Promise<{fileId: string}>}
 */
async function upload (platform, { cloudPath, fileContent } = {}) {
  const path = requireString('uploadFile', 'cloudPath', cloudPath).replace(/^\/+/, '')
  const pieces = cut(chunksOf(fileContent))
  const first = await pieces.next()
  const second = await pieces.next()
  if (second.done) {
    const { response } = await platform.callWithBytes('files.write', { path }, first.done ? Buffer.alloc(0) : first.value)
    return response
  }
  const { upload } = await platform.call('files.beginWrite', { path })
  await platform.callWithBytes('files.appendWrite', { upload }, first.value)
  await platform.callWithBytes('files.appendWrite', { upload }, second.value)
  for await (const piece of pieces) await platform.callWithBytes('files.appendWrite', { upload }, piece)
  return platform.call('files.endWrite', { upload })
}

/**
 * Reads a whole file.
 * @returns {Promise<{fileContent: Buffer, statusCode: number}>}
 */
async function download (platform, { fileID } = {}) {
  const fileId = requireString('downloadFile', 'fileID', fileID)
  const pieces = []
  let offset = 0
  for (;;) {
    const { response, attachment } = await platform.callWithBytes('files.read', { fileId, offset, length: PIECE })
    const piece = asBuffer(attachment || new Uint8Array(0))
    pieces.push(piece)
    offset += piece.length
    if (offset >= response.size) break
    if (piece.length === 0) throw local('downloadFile', `the file ended at ${offset} of ${response.size} bytes`)
  }
  return { fileContent: pieces.length === 1 ? pieces[0] : Buffer.concat(pieces), statusCode: 200 }
}

/** The content as chunks of any size, whatever it was given as. */
function chunksOf (content) {
  if (typeof content === 'string') return [Buffer.from(content)]
  if (content instanceof ArrayBuffer) return [Buffer.from(content)]
  if (ArrayBuffer.isView(content)) return [asBuffer(content)]
  if (content && typeof content[Symbol.asyncIterator] === 'function') return content
  if (content && typeof content.pipe === 'function') {
    const { Readable } = require('stream') // streams of old libraries cannot be iterated
    return new Readable().wrap(content)
  }
  throw local('uploadFile', 'parameter.fileContent should be a Buffer or a readable stream')
}

/** Chunks of any size -> pieces of exactly PIECE bytes, and a shorter last one. */
async function * cut (chunks) {
  let waiting = []
  let size = 0
  for await (const chunk of chunks) {
    let rest = typeof chunk === 'string' ? Buffer.from(chunk) : asBuffer(chunk)
    while (size + rest.length >= PIECE) {
      const head = rest.subarray(0, PIECE - size)
      rest = rest.subarray(head.length)
      yield waiting.length === 0 ? head : Buffer.concat([...waiting, head])
      waiting = []
      size = 0
    }
    if (rest.length > 0) {
      waiting.push(rest)
      size += rest.length
    }
  }
  if (size > 0) yield waiting.length === 1 ? waiting[0] : Buffer.concat(waiting)
}

const asBuffer = view => Buffer.isBuffer(view) ? view : Buffer.from(view.buffer, view.byteOffset, view.byteLength)

module.exports = { upload, download, PIECE }
