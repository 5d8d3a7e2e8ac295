'use strict'
// Tokens of invocations that share this process: without one, the host has given the invocation to another process.
const { readSync } = require('node:fs')

const PROVEN = 200 // answers in a row after which the function counts as quick
const MANY = 8 // tokens that are then taken at once
const SLOW = 10 // milliseconds without a look at the socket that end that

class Claims {
  constructor (fd) {
    this.fd = fd
    this.buffer = Buffer.alloc(MANY)
    this.held = 0
    this.quick = 0
  }

  /**
   * Takes the token of the next invocation; false if it is not ours to run. A function that has long been quick takes
   * several tokens with one system call. Should it then hog the process, the few invocations of these share its fate.
   */
  take () {
    if (this.held === 0) {
      try {
        this.held = readSync(this.fd, this.buffer, 0, this.quick < PROVEN ? 1 : MANY, null)
      } catch {
        return false
      }
      if (this.held === 0) return false
    }
    this.held--
    return true
  }

  /** milliseconds: how long the process took to get from reading frames to writing answers. */
  observe (milliseconds) {
    if (milliseconds > SLOW) this.quick = 0
    else this.quick++
  }
}

module.exports = { Claims }
