'use strict'

const { wireError } = require('./errors')
const { lost } = require('./http')

const FIRST = 400 // milliseconds before the second attempt, at most; twice as long before each further one
const LONGEST = 5e3

// The server turned the request away before anything was done.
const UNTOUCHED = new Set(['rate_limited', 'shutting_down'])
// A request with the same key is still being worked on: its reply will be had.
const UNDERWAY = 'request_in_progress'

/**
 * How often and how long requests are tried.
 * @typedef {object} Patience
 * @property {number} timeout milliseconds for everything that one call needs
 * @property {number} retries further attempts after the first
 * @property {function(): number} [random]
 * @property {function(number): Promise} [sleep]
 */

/**
 * Runs `attempt` until it succeeds, fails for good, or the time is over.
 * @param {Patience} patience
 * @param {boolean} repeatable whether carrying the request out twice is as good as once
 * @param {function(number): Promise} attempt gets the milliseconds that are left
 */
async function persist ({ timeout, retries, random = Math.random, sleep = pause }, repeatable, attempt) {
  const end = timeout ? Date.now() + timeout : Infinity
  for (let tried = 0; ; tried++) {
    const left = end - Date.now()
    if (left <= 0) throw lost(`request:fail timeout of ${timeout} ms`, true)
    try {
      return await attempt(left === Infinity ? undefined : left)
    } catch (error) {
      const wait = Math.min(LONGEST, FIRST * 2 ** tried) * (0.25 + 0.75 * random())
      if (tried >= retries || !mayRepeat(error, repeatable) || Date.now() + wait >= end) throw error
      await sleep(wait)
    }
  }
}

function mayRepeat (error, repeatable) {
  const wire = wireError(error)
  if (!wire) return false
  if (UNTOUCHED.has(wire.reason) || wire.reason === UNDERWAY) return true
  return repeatable && wire.retryable === true && wire.reason !== 'transaction_conflict'
}

const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))

module.exports = { persist }
