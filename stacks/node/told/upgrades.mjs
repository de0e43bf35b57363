// Where a server of the project's own has Vite as a middleware, Vite opens a port for its hot updates beside it. A preview
// has one port: its connections are led from there to Vite.

import { EventEmitter } from 'node:events'

import requests from './requests.cjs'

/** The most servers that are known, those that were made last: a restart makes others. */
const MAX_SERVERS = 32

/**
 * The servers that stand in for a port of their own, the last first, with the path at which Vite takes connections, and the
 * token that its pages have from it: several servers of a framework may have one path.
 */
const standIns = []
let following = false

/** Returns what Vite is given as the server that its connections come from. */
export function standIn(path, token) {
  if (!following) {
    following = true
    requests.before((event, request) => (event === 'upgrade' ? whoTakes(request) : undefined))
  }
  const server = new EventEmitter()
  standIns.unshift({ path, token, server })
  standIns.length = Math.min(standIns.length, MAX_SERVERS)
  return server
}

function whoTakes(request) {
  const protocol = request.headers['sec-websocket-protocol']
  if (protocol !== 'vite-hmr' && protocol !== 'vite-ping') return undefined
  if (!URL.canParse(request.url, 'http://localhost')) return undefined
  const { pathname, searchParams } = new URL(request.url, 'http://localhost')
  const there = standIns.filter(({ path }) => path === pathname)
  return (there.find(({ token }) => token === searchParams.get('token')) ?? there[0])?.server
}
