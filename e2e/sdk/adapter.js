// What the older SDKs need of a platform, for Node: requests by fetch and a storage in memory. It changes no address.
'use strict'
const WebSocket = require('ws')

class Requests {
  async send (method, { url, data, headers = {}, body }) {
    const text = body !== undefined ? body : data === undefined ? undefined : JSON.stringify(data)
    const reply = await fetch(url.startsWith('//') ? 'http:' + url : url, { method, headers: { ...headers }, body: method === 'GET' ? undefined : text })
    const answer = await reply.text()
    let json = answer
    try { json = JSON.parse(answer) } catch { /* not every answer is JSON */ }
    return { statusCode: reply.status, status: reply.status, header: Object.fromEntries(reply.headers), data: json }
  }

  get (options) { return this.send('GET', options) }
  post (options) { return this.send('POST', options) }
  patch (options) { return this.send('PATCH', options) }
  delete (options) { return this.send('DELETE', options) }

  async upload ({ url, file, data, headers = {}, method = 'post' }) {
    if (method === 'put') return this.send('PUT', { url, headers, body: file })
    const form = new FormData()
    for (const [name, value] of Object.entries(data)) form.append(name, value)
    form.append('file', new Blob([file]), 'file')
    const reply = await fetch(url, { method: 'POST', body: form })
    return { statusCode: reply.status, data: await reply.text() }
  }

  async download ({ url }) {
    const reply = await fetch(url)
    return { statusCode: reply.status, data: Buffer.from(await reply.arrayBuffer()) }
  }

  async fetch ({ url, headers, body, method = 'POST' }) {
    const reply = await fetch(url, { method, headers, body })
    return { data: reply.status === 204 ? undefined : reply.json(), statusCode: reply.status, header: reply.headers }
  }
}

class Socket {
  constructor (url) {
    const ws = new WebSocket(url)
    return Object.assign(ws, { set: () => {} })
  }
}

function storage () {
  const kept = new Map()
  return {
    mode: 'sync',
    setItem: (key, value) => { kept.set(key, value) },
    getItem: key => kept.get(key),
    removeItem: key => { kept.delete(key) },
    clear: () => kept.clear()
  }
}

module.exports = () => {
  const [local, session] = [storage(), storage()]
  return {
    genAdapter: () => ({ root: globalThis, reqClass: Requests, wsClass: Socket, localStorage: local, primaryStorage: 'local', sessionStorage: session }),
    isMatch: () => true,
    runtime: 'node'
  }
}
