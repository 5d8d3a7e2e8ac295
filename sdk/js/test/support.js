'use strict'

const { create } = require('../server')

const OK = {
  'documents.find': { documents: [] },
  'documents.get': { document: null },
  'documents.insert': { insertedIds: ['id1'] },
  'documents.update': { matched: 1, modified: 1 },
  'documents.findAndUpdate': { matched: 1, modified: 1, document: {} },
  'documents.delete': { deleted: 1 },
  'documents.count': { total: 0 },
  'documents.aggregate': { documents: [] },
  'documents.begin': { transaction: 'tx1' },
  'documents.commit': {},
  'documents.abort': {},
  'collections.create': {}
}

/** A host that records operations as the text that would travel and answers from `replies`. */
class FakeHost {
  constructor (replies = {}) {
    this.replies = { ...OK, ...replies }
    this.calls = []
    this.logs = []
    this.request = null
    this.log = (level, message) => this.logs.push([level, message])
    this.context = () => this.request
    this.call = this.call.bind(this)
  }

  async call (operation, request, attachment) {
    this.calls.push([operation, JSON.parse(JSON.stringify(request)), ...(attachment === undefined ? [] : [attachment])])
    let reply = this.replies[operation]
    if (typeof reply === 'function') reply = reply(request, attachment)
    if (reply === undefined) throw failure('unknown_operation', `there is no ${operation}`)
    if (reply.reason) throw reply
    return reply.response ? reply : { response: JSON.parse(JSON.stringify(reply)), attachment: undefined }
  }

  /** The operations so far, and forgets them. */
  taken () {
    return this.calls.splice(0)
  }

  modules () {
    return create(this)
  }
}

/** What a host rejects with. */
function failure (reason, message, more) {
  return Object.assign(new Error(message), { reason, message, requestId: 'req-1', ...more })
}

function wxServer (replies) {
  const host = new FakeHost(replies)
  const cloud = host.modules()['wx-server-sdk']
  return { host, cloud, db: cloud.database() }
}

/** Resolves to what a promise rejected with. */
async function rejection (promise) {
  let value
  try { value = await promise } catch (error) { return error }
  throw new Error(`should have been refused, but gave ${JSON.stringify(value)}`)
}

module.exports = { FakeHost, failure, wxServer, rejection }
