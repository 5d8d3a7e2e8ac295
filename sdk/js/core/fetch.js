'use strict'

/** @type {import('./http').Send} */
async function fetchSend ({ method, url, headers, body, timeout }) {
  const response = await fetch(url, { method, headers, body, signal: signalOf(timeout) })
  return { status: response.status, text: await response.text(), requestId: response.headers.get('x-request-id') || undefined }
}

/** One exchange with an HTTP function: whatever is answered is given on. */
async function fetchTransfer ({ method, url, headers, body, timeout, responseType }) {
  const response = await fetch(url, { method, headers, body, signal: signalOf(timeout) })
  const data = responseType === 'arraybuffer' ? await response.arrayBuffer() : await response.text()
  return { status: response.status, header: Object.fromEntries(response.headers), data }
}

const signalOf = timeout => timeout ? AbortSignal.timeout(Math.ceil(timeout)) : undefined

module.exports = { fetchSend, fetchTransfer }
