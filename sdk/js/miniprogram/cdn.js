'use strict'

const { local } = require('../core/errors')
const { randomKey } = require('../core/random')
const { uploadPath, uploadBytes, Task } = require('./transfer')

const FOLDER = 'cdn'

/** Content too large for the arguments of a function: it is stored as a file, and its address travels. */
class CDN {
  /** @param {string|ArrayBuffer|{type: 'filePath', filePath: string}} target a text, bytes, or a local file */
  constructor (target) {
    this.target = target
  }
}

/** Arguments of a function with every CDN in them replaced by the temporary address of its content. */
async function resolveCDN (client, platform, data) {
  const found = []
  collect(data, found)
  if (found.length === 0) return data
  const stored = new Map()
  await Promise.all(found.map(async cdn => stored.set(cdn, await client.address(await store(client, platform, cdn.target)))))
  return replace(data, stored)
}

function collect (value, found) {
  if (value instanceof CDN) {
    if (!found.includes(value)) found.push(value)
  } else if (isPlain(value)) {
    for (const key of Object.keys(value)) collect(value[key], found)
  }
}

function replace (value, stored) {
  if (value instanceof CDN) return stored.get(value)
  if (!isPlain(value)) return value
  if (Array.isArray(value)) return value.map(item => replace(item, stored))
  const copy = {}
  for (const key of Object.keys(value)) copy[key] = replace(value[key], stored)
  return copy
}

function isPlain (value) {
  if (Array.isArray(value)) return true
  return value !== null && typeof value === 'object' && (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null)
}

async function store (client, platform, target) {
  const cloudPath = `${FOLDER}/${randomKey()}`
  if (typeof target === 'string') target = utf8(target)
  if (target instanceof ArrayBuffer) return (await uploadBytes(client, platform, { cloudPath, data: target })).fileId
  if (!target || target.type !== 'filePath') throw local('CDN', 'the content should be a string, an ArrayBuffer or { type: "filePath", filePath }')
  const ending = /\.[A-Za-z0-9]{1,8}$/.exec(target.filePath)
  return (await uploadPath(client, platform, new Task(), { cloudPath: cloudPath + (ending ? ending[0] : ''), filePath: target.filePath })).fileId
}

/** Mini programs have no TextEncoder. */
function utf8 (text) {
  const bytes = unescape(encodeURIComponent(text))
  const data = new Uint8Array(bytes.length)
  for (let i = 0; i < bytes.length; i++) data[i] = bytes.charCodeAt(i)
  return data.buffer
}

module.exports = { CDN, resolveCDN }
