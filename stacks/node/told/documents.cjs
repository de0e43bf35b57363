// When browsers asked for pages, and whether those are loading. A page hears of changes only once its socket is open, some
// time after it was asked for: what changes in between it would never learn. While it loads its modules, some of them are
// from before a change and some from after it.
//
// CommonJS, since it has to be there at once in a program that makes an HTTP server.

'use strict'

const builds = require('./builds.cjs')
const requests = require('./requests.cjs')

/** How long a page may take from its request to its socket, and the most that are on their way. */
const OPENS_MS = 60_000
const MAX_OPENING = 100

/** How long nothing is asked for once pages have loaded, and the longest that an answer is taken for a part of that. */
const QUIET_MS = 250
const ANSWER_MS = 5000

/** The times of the requests of pages whose socket is not open yet, the oldest first. */
const asked = []
/** When the answers began that are on their way, when a request or the end of one was last, and since when they follow on
 * one another. */
const answering = new Set()
let last = -Infinity
let since = -Infinity

/** The script of every page by which it hears of changes, and how many pages have it from here whose socket is not open yet. */
const CLIENT = /\/@vite\/client(?:\?|$)/
let clients = 0

let following = false

/** Begins to note requests. */
exports.follow = () => {
  if (following) return
  following = true
  requests.before((event, request, response) => {
    if (event === 'request') note(request, response)
  })
}

function note(request, response) {
  const now = performance.now()
  if (!isLoading(now)) since = now
  last = now
  if (CLIENT.test(request.url)) clients = Math.min(clients + 1, MAX_OPENING)
  if (isNavigation(request)) {
    asked.push(now)
    if (asked.length > MAX_OPENING) asked.shift()
  }
  const one = { began: now }
  answering.add(one)
  builds.note(request, response)
  response.once('close', () => {
    answering.delete(one)
    last = performance.now()
  })
}

function isLoading(now) {
  if (now - last < QUIET_MS) return true
  for (const { began } of answering) if (now - began < ANSWER_MS) return true
  return false
}

/** Returns whether a page that was asked for at a time is still loading. */
exports.loads = (time) => time >= since && isLoading(performance.now())

/**
 * Returns when the page was asked for at the latest whose socket opens now. Pages open theirs in the order in which they
 * were asked for, if at all: one that comes out too old is loaded once more than it had to be.
 */
exports.opened = () => {
  const now = performance.now()
  while (asked.length > 0 && now - asked[0] > OPENS_MS) asked.shift()
  return asked.shift()
}

/** Returns whether the page whose socket opens now has come from this process. */
exports.isOwn = () => {
  const own = clients > 0
  if (own) clients -= 1
  return own
}

/** Returns whether a request is that of a browser for a page, whose other requests do not ask to be upgraded. */
function isNavigation({ method, headers }) {
  return method === 'GET' && headers['upgrade-insecure-requests'] === '1' && /text\/html/.test(headers.accept ?? '')
}
