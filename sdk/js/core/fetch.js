'use strict'

/** @type {import('./http').Send} */
async function fetchSend ({ method, url, headers, body, timeout }) {
  const signal = timeout ? AbortSignal.timeout(timeout) : undefined
  const response = await fetch(url, { method, headers, body, signal })
  return { status: response.status, text: await response.text(), requestId: response.headers.get('x-request-id') || undefined }
}

module.exports = { fetchSend }
