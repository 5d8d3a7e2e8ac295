'use strict'
/* global XMLHttpRequest */

const { lost } = require('../core/http')

/**
 * PUTs bytes to a granted address. fetch reports no upload progress, so XMLHttpRequest does it when progress is asked for.
 * @returns {Promise<{status: number, text: string}>}
 */
async function put ({ url, method = 'PUT', headers }, blob, { onProgress, signal }) {
  if (typeof onProgress === 'function' && typeof XMLHttpRequest !== 'undefined') return putWithProgress(url, method, headers, blob, onProgress, signal)
  try {
    const response = await fetch(url, { method, headers, body: blob, signal })
    return { status: response.status, text: await response.text() }
  } catch (error) {
    throw lost(`request:fail ${error.message}`, true)
  }
}

function putWithProgress (url, method, headers, blob, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open(method, url)
    for (const name of Object.keys(headers)) request.setRequestHeader(name, headers[name])
    request.upload.onprogress = ({ loaded, total }) => onProgress({ loaded, total })
    request.onload = () => resolve({ status: request.status, text: request.responseText })
    request.onerror = () => reject(lost('request:fail the upload was interrupted', true))
    request.onabort = () => reject(lost('request:fail abort', false))
    if (signal) signal.addEventListener('abort', () => request.abort())
    request.send(blob)
  })
}

module.exports = { put }
