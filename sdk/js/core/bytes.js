'use strict'

// Mini programs have neither Buffer nor btoa, so base64 is done by hand there.
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const hasBuffer = typeof Buffer !== 'undefined' && typeof Buffer.from === 'function'

const isBytes = value => value instanceof Uint8Array || value instanceof ArrayBuffer ||
  /^\[object (Uint8Array|ArrayBuffer)\]$/.test(Object.prototype.toString.call(value))

/** @param {Uint8Array|ArrayBuffer} value */
function toBase64 (value) {
  const bytes = value.buffer ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value)
  if (hasBuffer) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i] << 16) | ((bytes[i + 1] || 0) << 8) | (bytes[i + 2] || 0)
    text += alphabet[group >> 18] + alphabet[(group >> 12) & 63] +
      (i + 1 < bytes.length ? alphabet[(group >> 6) & 63] : '=') + (i + 2 < bytes.length ? alphabet[group & 63] : '=')
  }
  return text
}

/** @returns {Uint8Array} a Buffer where there are Buffers */
function fromBase64 (text) {
  if (hasBuffer) return Buffer.from(text, 'base64')
  const digits = text.replace(/[^A-Za-z0-9+/]/g, '')
  const bytes = new Uint8Array(Math.floor(digits.length * 3 / 4))
  let bits = 0
  let kept = 0
  let at = 0
  for (const digit of digits) {
    bits = ((bits << 6) | alphabet.indexOf(digit)) & 0xffffff
    kept += 6
    if (kept >= 8) {
      kept -= 8
      bytes[at++] = (bits >> kept) & 255
    }
  }
  return bytes
}

module.exports = { isBytes, toBase64, fromBase64 }
