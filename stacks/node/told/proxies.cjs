// The programs beside a development server to which it passes requests on. What a page asks of them is a part of it: it is
// there once they listen.

'use strict'

const { existsSync, readFileSync, rmSync, statSync, writeFileSync } = require('node:fs')

const { hasRunner } = require('./running.cjs')

/** How long they may take. One that never comes costs this, at a start, where something runs beside the server. */
const LISTEN_TIMEOUT_MS = 10_000
const LOOK_MS = 50
const HERE = /^(?:localhost|127(?:\.\d+){3}|0\.0\.0\.0|\[::1?\])$/
/** The tables of sockets, and the state of one that listens (proc_net_tcp of Linux). */
const SOCKETS = ['/proc/net/tcp', '/proc/net/tcp6']
const LISTENS = '0A'
/** Says that a program beside the server has ended: there is nobody to wait for. */
const ENDED = `${process.env.PREVIEWD_CONTROL}.ended`
/** Says whether one is being replaced by the next, and how long what is asked of it waits for that. */
const REPLACED = `${process.env.PREVIEWD_CONTROL}.replaced`
const YES = 'yes'
const REPLACED_MS = 5000
const REPLACED_LOOK_MS = 10

/** What packages that pass requests on were made with. */
const targets = []

/** Follows what http-proxy-middleware passes on, which webpack's development server and a setupProxy.js do by it. */
exports.tame = (loaded) => {
  const make = loaded?.createProxyMiddleware
  if (typeof make !== 'function' || make.previewd) return loaded
  const createProxyMiddleware = (...words) => {
    for (const word of words) if (word) targets.push(word.target ?? word)
    return make(...words)
  }
  createProxyMiddleware.previewd = true
  return { ...loaded, createProxyMiddleware }
}

/** Waits until something listens wherever requests are passed on to in this container, or one of the programs has ended. */
exports.listen = async (others = []) => {
  if (!process.env.PREVIEWD_BESIDE && !hasRunner()) return
  const ports = new Set([...targets, ...others].map(portHere).filter(Boolean))
  const end = performance.now() + LISTEN_TIMEOUT_MS
  for (;;) {
    const open = listening()
    const closed = [...ports].filter((port) => !open.has(port))
    if (closed.length === 0 || existsSync(ENDED)) return
    if (performance.now() > end) return tell(closed, open)
    await new Promise((done) => setTimeout(done, LOOK_MS))
  }
}

/** Says in the log what a page that asks there is not told of. */
function tell(closed, open) {
  const there = [...open].sort((one, other) => one - other).join(', ')
  console.error(`previewd: warning: nothing listens on port ${closed.join(' or ')}, to which requests are passed on; there is ${there || 'nothing'}`)
}

/** Notes that a program has ended, or that it is being started again. */
exports.note = (ended) => {
  try {
    if (ended) writeFileSync(ENDED, '')
    else rmSync(ENDED, { force: true })
  } catch {
    // Whoever waits does so to the end.
  }
}

/** Notes that a program is being replaced, or no more. */
exports.replace = (replaced) => {
  try {
    writeFileSync(REPLACED, replaced ? YES : '')
  } catch {
    // What is asked meanwhile does not wait.
  }
}

/** Returns what has requests that are passed on by rules of Vite's wait while a program is being replaced. */
exports.hold = (rules) => {
  const paths = Object.keys(rules).filter((path) => rules[path])
  const matches = paths.map((path) => (path.startsWith('^') ? pattern(path) : (url) => url.startsWith(path)))
  return async ({ url }, _, next) => {
    if (matches.some((match) => match(url)) && isReplaced()) await replaced()
    next()
  }
}

/** Returns what matches as a rule of Vite's does; one that is no pattern is for Vite to complain of. */
function pattern(path) {
  try {
    const found = new RegExp(path)
    return (url) => found.test(url)
  } catch {
    return () => false
  }
}

/** Has what meets the end of a program asked once more of the next: it was on its way before the program was to be replaced. */
exports.askAgain = (rules) => {
  for (const [path, rule] of Object.entries(rules)) {
    // Vite passes over such a rule.
    if (!rule) continue
    const own = typeof rule === 'string' ? { target: rule, changeOrigin: true } : rule
    const { configure } = own
    own.configure = (proxy, options) => {
      const { emit } = proxy
      proxy.emit = function (event, ...words) {
        const [, request, response] = words
        if (event !== 'error' || !isRepeatable(request, response) || !wasReplaced()) return emit.call(this, event, ...words)
        asked.add(request)
        void replaced().then(() => response.destroyed || proxy.web(request, response, {}))
        return true
      }
      return configure?.(proxy, options)
    }
    rules[path] = own
  }
}

/** What was asked once more. */
const asked = new WeakSet()

/** Returns whether a request can be made again: it has no body, and nothing of an answer was sent. */
function isRepeatable(request, response) {
  const bare = ['GET', 'HEAD'].includes(request?.method) && !request.headers['content-length'] && !request.headers['transfer-encoding']
  return bare && typeof response?.writeHead === 'function' && !response.headersSent && !asked.has(request)
}

/** Resolves once no program is being replaced. */
async function replaced() {
  const end = performance.now() + REPLACED_MS
  while (isReplaced() && performance.now() < end) await new Promise((done) => setTimeout(done, REPLACED_LOOK_MS))
}

function isReplaced() {
  try {
    return readFileSync(REPLACED, 'utf8') === YES
  } catch {
    return false
  }
}

/** Returns whether a program is being replaced, or was a moment ago. */
function wasReplaced() {
  try {
    return isReplaced() || Date.now() - statSync(REPLACED).mtimeMs < REPLACED_MS
  } catch {
    return false
  }
}

/** Returns the port of a target, if it is one of this container. */
function portHere(target) {
  try {
    const { hostname, host = hostname, port } = typeof target === 'string' || target instanceof URL ? new URL(target) : target
    return HERE.test(hostname ?? String(host).split(':')[0]) ? Number(port) : undefined
  } catch {
    return undefined
  }
}

function listening() {
  const ports = new Set()
  for (const table of SOCKETS) {
    let lines = []
    try {
      lines = readFileSync(table, 'utf8').split('\n').slice(1)
    } catch {
      // A kernel without IPv6.
    }
    for (const line of lines) {
      const [, local, , state] = line.trim().split(/\s+/)
      if (state === LISTENS) ports.add(Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16))
    }
  }
  return ports
}
