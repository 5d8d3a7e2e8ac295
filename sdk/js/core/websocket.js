'use strict'

/**
 * Sockets by a WebSocket class of the standard.
 * @param {function(): Function} find gives the class
 * @returns {import('./realtime').Connect}
 */
function standardSockets (find) {
  return (url, { open, message, close }) => {
    const Socket = find()
    const socket = new Socket(url)
    let closed = false
    const end = () => {
      if (closed) return
      closed = true
      close()
    }
    socket.onopen = open
    socket.onmessage = ({ data }) => message(data)
    socket.onclose = end
    socket.onerror = end // a close would follow, late where the network is gone
    return {
      send: text => { if (socket.readyState === 1) socket.send(text) },
      close: () => { socket.close() }
    }
  }
}

module.exports = { standardSockets }
