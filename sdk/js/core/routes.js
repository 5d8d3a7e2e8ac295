'use strict'

const own = { 'auth.refresh': '/auth/refresh', 'auth.logout': '/auth/logout', 'auth.me': '/auth/me' }
const gets = new Set(['auth.me', 'collections.list'])

/**
 * Where an operation lives on the /v1 surface.
 * @param {string} app
 * @param {string} operation such as 'documents.find'
 * @param {object} request
 * @returns {{method: string, path: string, body: *}} path below the server's address
 */
function route (app, operation, request) {
  const [room, verb] = operation.split('.')
  const base = `/v1/apps/${encodeURIComponent(app)}`
  const method = gets.has(operation) ? 'GET' : 'POST'
  if (own[operation]) return { method, path: base + own[operation], body: request }
  switch (room) {
    case 'documents': {
      if (request.collection === undefined) return { method, path: `${base}/documents/${verb}`, body: request }
      const { collection, ...body } = request
      return { method, path: `${base}/documents/${encodeURIComponent(collection)}/${verb}`, body }
    }
    case 'functions': return { method, path: `${base}/functions/${encodeURIComponent(request.name)}`, body: request.data }
    case 'files': return { method, path: `${base}/files/${verb}`, body: request }
    case 'collections': return { method, path: `/v1/manage/apps/${encodeURIComponent(app)}/collections`, body: request }
    default: throw new Error(`no address for ${operation}`)
  }
}

module.exports = { route }
