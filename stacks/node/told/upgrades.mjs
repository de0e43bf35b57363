// Where a server of the project's own has Vite as a middleware, Vite opens a port for its hot updates beside it. A preview
// has one port: its connections are led from there to Vite.

import { EventEmitter } from 'node:events'
import http from 'node:http'

/** The servers that stand in for a port of their own, by the path at which Vite takes connections. */
const standIns = new Map()
let patched = false

/** Returns what Vite is given as the server that its connections come from. */
export function standIn(path) {
  if (!patched) {
    patched = true
    const { emit } = http.Server.prototype
    http.Server.prototype.emit = function (event, ...words) {
      const to = event === 'upgrade' ? whoTakes(words[0]) : undefined
      return to && to !== this ? to.emit('upgrade', ...words) : emit.call(this, event, ...words)
    }
  }
  const server = new EventEmitter()
  standIns.set(path, server)
  return server
}

function whoTakes(request) {
  const protocol = request.headers['sec-websocket-protocol']
  if (protocol !== 'vite-hmr' && protocol !== 'vite-ping') return undefined
  return standIns.get(request.url.split('?')[0])
}
