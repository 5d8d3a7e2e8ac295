'use strict'

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz'

/** A text of 32 characters that nobody has made before. */
function randomKey () {
  const bytes = new Uint8Array(32)
  if (typeof crypto !== 'undefined' && crypto.getRandomValues) crypto.getRandomValues(bytes)
  else for (let i = 0; i < bytes.length; i++) bytes[i] = Math.random() * 256 // mini programs have nothing better at once
  let text = ''
  for (const byte of bytes) text += ALPHABET[byte % ALPHABET.length]
  return text
}

module.exports = { randomKey }
