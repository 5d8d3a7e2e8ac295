'use strict'

const WS = require('ws')

/** The server's side of the watch socket: records what clients say and says what a test tells it. */
class FakeSockets {
  constructor (server) {
    this.server = server
    this.said = [] // [{type, ...}]
    this.open = new Set()
    this.waiting = []
    this.expiresIn = 7200
    const sockets = new WS.WebSocketServer({ noServer: true })
    server.http.on('upgrade', (request, socket, head) => {
      this.path = request.url
      sockets.handleUpgrade(request, socket, head, client => this.welcome(client))
    })
  }

  welcome (client) {
    this.open.add(client)
    client.on('close', () => this.open.delete(client))
    client.on('message', text => {
      const message = JSON.parse(text)
      if (message.type === 'auth') this.login(client, message)
      if (message.type === 'ping') this.say({ type: 'pong' })
      this.said.push(message)
      for (const check of this.waiting.splice(0)) check()
    })
  }

  login (client, { token }) {
    if (token === this.bad) {
      client.send(JSON.stringify({ type: 'error', error: { reason: 'token_expired', code: 'unauthenticated', message: 'expired' } }))
      return client.close(4401)
    }
    client.send(JSON.stringify({ type: 'ready', protocol: 1, expiresIn: this.expiresIn }))
  }

  say (message) {
    for (const client of this.open) client.send(JSON.stringify(message))
  }

  cut () {
    for (const client of this.open) client.terminate()
  }

  /** The next message of a type that a client sends. */
  async heard (type) {
    for (;;) {
      const i = this.said.findIndex(message => message.type === type)
      if (i >= 0) return this.said.splice(i, 1)[0]
      await new Promise(resolve => this.waiting.push(resolve))
    }
  }
}

module.exports = { FakeSockets }
