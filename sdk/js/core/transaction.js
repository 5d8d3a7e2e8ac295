'use strict'

const { Collection } = require('./query')
const { local, ofReason, wireError } = require('./errors')

const OPEN = 'open'

/** Reads and writes that take effect together, on one snapshot. */
class Transaction {
  constructor (db, id) {
    Object.defineProperty(this, 'db', { value: db })
    this._id = id
    this.state = OPEN
    this.reason = undefined
    this.conflicted = false
  }

  collection (name) {
    return new Collection(this.db, this, name)
  }

  /** Session: every operation carries the transaction's ID. */
  async call (operation, request) {
    this.ensureOpen()
    try {
      return await this.db.call(operation, { ...request, transaction: this._id })
    } catch (error) {
      if (isConflict(error)) this.conflicted = true
      throw error
    }
  }

  commit () {
    return this.db.run('transaction.commit', undefined, async () => {
      this.ensureOpen()
      this.state = 'committed'
      await this.db.call('documents.commit', { transaction: this._id })
      return {}
    })
  }

  /** @param {*} [reason] what runTransaction rejects with */
  rollback (reason) {
    return this.db.run('transaction.rollback', undefined, async () => {
      this.ensureOpen()
      this.state = 'rolled back'
      this.reason = reason
      await this.db.call('documents.abort', { transaction: this._id })
      return {}
    })
  }

  ensureOpen () {
    if (this.state !== OPEN) throw ofReason('transaction', 'transaction_not_found', `the transaction was ${this.state} already`)
  }
}

function isConflict (error) {
  const wire = wireError(error)
  return Boolean(wire) && wire.reason === 'transaction_conflict'
}

/** Starts a transaction; its collections reject on failure in every dialect, so that a body can fail. */
async function begin (db) {
  const { inTransaction = db.dialect } = db.dialect
  const inner = Object.create(db, { dialect: { value: inTransaction } })
  return inner.run('startTransaction', undefined, async () => {
    const { transaction } = await db.call('documents.begin', {})
    return { transaction: new Transaction(inner, transaction) }
  }).then(({ transaction }) => transaction)
}

/**
 * Runs `body` in a transaction and commits; starts anew when another write came first.
 * @param {function(Transaction): *} body may run several times
 * @param {number} tries
 * @returns the body's value; rejects with the reason given to rollback(), or with what the body threw
 */
async function runTransaction (db, body, tries) {
  for (let left = tries; ; left--) {
    const transaction = await begin(db)
    try {
      const value = await body(transaction)
      if (transaction.state === OPEN) await transaction.commit()
      if (transaction.state === 'rolled back') throw rolledBack(db, transaction)
      return value
    } catch (error) {
      if (transaction.state === 'rolled back') throw rolledBack(db, transaction)
      const conflict = transaction.conflicted || isConflict(error)
      if (transaction.state === OPEN) await abandon(transaction)
      if (!conflict || left <= 1) throw error
    }
  }
}

const rolledBack = (db, { reason }) => reason !== undefined
  ? reason
  : db.dialect.convert(local('runTransaction', 'the transaction was rolled back'))

// The body's own error is what the caller must see; a transaction that cannot be aborted ends by its time limit.
const abandon = transaction => transaction.rollback().catch(() => {})

module.exports = { begin, runTransaction }
