// Loaded before everything else in each Node process of a project that Next.js serves (NODE_OPTIONS=--require). Its own
// watcher takes files that are renamed into place, and loses none. What is missing is its word: it says over its channel to
// the browser what it builds, and we listen there until it has built what it was sent.

'use strict'

require('./told/turbo.cjs')

const { existsSync, readFileSync, utimesSync } = require('node:fs')
const { createRequire } = require('node:module')
const { join, resolve } = require('node:path')
const { pathToFileURL } = require('node:url')

const documents = require('./told/documents.cjs')
const pages = require('./told/nextpages.cjs')
const requests = require('./told/requests.cjs')

/** How long its watcher may take to see a change before it is shown once more, and then until it concerns no page. */
const SEEN_MS = 400
/** How long it takes at least from a file to its word: what is said before is of something else. */
const SOONEST_MS = 25
/** How long after the last word of its channel it is taken to have ended: it gathers changes for 30 ms. */
const QUIET_MS = 60
/** The longest that its channel may take to open. */
const OPEN_TIMEOUT_MS = 2000
/** The longest that a build is waited for. */
const BUILT_TIMEOUT_MS = 25_000
/** What begins and what ends a build, and what is said of pages that come or go. The field was `action` before Next 16. */
const ENDS = new Set(['built', 'sync', 'finishBuilding', 'addedPage', 'removedPage', 'devPagesManifestUpdate'])
/** What no page is made of, whoever changes it. */
const ASIDE = /(^|\/)(README|LICENSE|CHANGELOG)[^/]*$|\.(test|spec|stories)\.[cm]?[jt]sx?$|(^|\/)(\.github|\.vscode|__tests__)\//i
/** What it reads only when it starts. */
const CONFIGURES = /(^|\/)next\.config\.[cm]?[jt]s$/

const project = process.env.PREVIEWD_PROJECT ?? process.cwd()

if (process.env.PREVIEWD_CONTROL) {
  documents.follow()
  requests.before(function (event, request, socket) {
    if (event === 'request' || event === 'upgrade') fromItsOwnPage(request)
    if (event === 'upgrade' && isOfAPage(request)) pages.opens(request.url, socket)
    if (event === 'request') pages.asks(request.headers)
    if (event === 'listening' && servesNext()) begin(this.address()?.port)
  })
}

/** Whether this is the process that serves, and not the command around it or one that renders. */
function servesNext() {
  return Object.keys(require.cache).some((file) => file.endsWith('/next/dist/server/lib/router-server.js'))
}

/**
 * Next.js serves what development needs to pages of localhost alone. A page of the preview's own address is as good: it is
 * told so where the request is for these resources and comes from the page that it is sent to.
 */
function fromItsOwnPage({ url = '', headers }) {
  if (!/\/_next|\/__nextjs/.test(url.split('?')[0])) return
  const host = headers['x-forwarded-host'] ?? headers.host
  for (const name of ['origin', 'referer']) {
    const from = URL.canParse(headers[name] ?? '') ? new URL(headers[name]) : undefined
    if (from && from.host === host) headers[name] = name === 'origin' ? 'http://localhost' : `http://localhost${from.pathname}`
  }
}

function isOfAPage({ url = '' }) {
  return /^[^?]*\/_next\/(?:webpack-)?hmr/.test(url) && !url.includes('id=previewd')
}

let port
let socket
/** When something was said last, and that the server renders pages otherwise, and whether a build is on its way. */
let spoke = 0
let rendered = 0
let building = false
let errors = []

async function begin(at) {
  if (!at || port === at) return
  port = at
  const { listen } = await import(pathToFileURL(join(__dirname, 'told', 'control.mjs')).href)
  listen(answer)
}

/** Connects to its channel, by its name of today or before Next 16.4; undefined if it has none that we know. */
function channel() {
  socket ??= opened('/_next/hmr').then((found) => found ?? opened('/_next/webpack-hmr'))
  return socket
}

function opened(path) {
  return new Promise((done) => {
    const WebSocket = createRequire(join(process.cwd(), 'package.json'))('next/dist/compiled/ws')
    const one = new WebSocket(`ws://localhost:${port}${path}?id=previewd`, { origin: 'http://localhost', handshakeTimeout: OPEN_TIMEOUT_MS })
    one.on('open', () => done(one))
    one.on('message', hear)
    one.on('error', () => done(undefined))
    one.on('close', () => {
      socket = undefined
      done(undefined)
    })
  }).catch(() => undefined)
}

function hear(data) {
  let message
  try {
    message = JSON.parse(data)
  } catch {
    // Newer ones send parts of pages in a form of their own.
    return
  }
  const type = message.type ?? message.action
  if (type === 'building') building = true
  else if (ENDS.has(type)) building = false
  else if (type !== 'serverComponentChanges' && type !== 'serverOnlyChanges' && type !== 'reloadPage') return
  if (type === 'serverComponentChanges') rendered = Date.now()
  if (Array.isArray(message.errors)) errors = message.errors
  spoke = Date.now()
}

async function answer({ changes }) {
  const begun = Date.now()
  const since = begun + SOONEST_MS
  if (changes.some(({ path }) => CONFIGURES.test(path))) return { ok: true, strategy: 'process' }
  if (!(await channel())) return { ok: false, error: { message: 'the channel of Next.js did not open' } }
  const seen = changes.filter(({ path }) => !ASIDE.test(path))
  if (seen.length > 0) {
    if (!(await said(since)) && touch(seen)) await said(since)
    await ended()
    pages.told(begun, rendered >= begun)
  }
  errors = errors.filter((error) => !isOver(error))
  return errors.length > 0 ? { ok: false, error: described(errors[0]) } : { ok: true, strategy: 'hot' }
}

/** Waits until something was said since a time. */
async function said(since) {
  const until = Date.now() + SEEN_MS
  while (spoke < since && Date.now() < until) await pause(5)
  return spoke >= since
}

async function ended() {
  const until = Date.now() + BUILT_TIMEOUT_MS
  while ((building || Date.now() - spoke < QUIET_MS) && Date.now() < until) await pause(5)
}

/** Shows the files to the watcher once more. Returns whether there was one. */
function touch(changes) {
  const files = changes.map(({ path }) => resolve(project, path)).filter(existsSync)
  const now = new Date()
  for (const file of files) utimesSync(file, now, now)
  return files.length > 0
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds))
}

/**
 * Returns whether an error is of what a file no longer says: Turbopack repeats those of a page until somebody asks for it
 * again. The line at fault is marked in the error's text.
 */
function isOver(error) {
  const text = textOf(error)
  const marked = /^\s*>\s*(\d+) \|(.*)$/m.exec(text)
  const { file } = described(error)
  if (!marked || !file) return false
  try {
    const line = readFileSync(resolve(file), 'utf8').split('\n')[Number(marked[1]) - 1]
    return line?.trim() !== marked[2].trim()
  } catch {
    return !existsSync(resolve(file))
  }
}

function textOf(error) {
  const text = typeof error === 'string' ? error : [error.moduleName, error.message].filter(Boolean).join('\n')
  return text.replace(/\u001b\[[0-9;]*m/g, '')
}

/** Returns an error of its channel as previewd reports it: a text, or an object in Turbopack. */
function described(error) {
  const text = textOf(error)
  const place = /(?:^|\s|\[)(?:\.\/)?([\w@./()[\]-]+\.[a-z]+)(?::(\d+))?(?::\d+)?/m.exec(text)
  const line = error.loc?.start?.line ?? place?.[2] ?? /(?:^|\n)\s*>\s*(\d+) \|/.exec(text)?.[1] ?? /\[(\d+):\d+\]/.exec(text)?.[1]
  const lines = text.split('\n').map((line) => line.trim()).filter(Boolean)
  const message = lines.find((line) => !/^(\.\/|\/|error:?$|Error:\s+x)/i.test(line)) ?? lines[0]
  return { message: message?.slice(0, 1000) ?? 'it did not compile', file: place?.[1], line: line ? Number(line) : undefined }
}
