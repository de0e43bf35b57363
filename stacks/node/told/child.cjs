// The program itself, in the child of beside.cjs: what it says to its parent. The program is to see none of it.

'use strict'

const net = require('node:net')
const { relative, resolve } = require('node:path')

const native = require('./native.cjs')

const project = process.env.PREVIEWD_PROJECT ?? process.cwd()

/** The most files that an error may have come of which does not say its own. */
const MOST_SUSPECTS = 20
/** The most lines of what is said of an error. */
const MOST_LINES = 100
const MOST_CHARACTERS = 1000

/** The answers that are on their way. */
const answering = new Set()
/** Is called when there are none any more. */
let drained

/** Begins to answer the parent. */
exports.begin = () => {
  const send = (message) => process.connected && real.call(process, message, () => {})
  const real = process.send
  process.on('message', (message) => {
    if (message?.drain) {
      drained = () => send({ drained: true })
      if (answering.size === 0) drained()
    }
    if (Array.isArray(message?.paths)) send({ stale: message.paths.some((path) => native.has(resolve(project, path))) })
  })
  process.channel?.unref()
  delete process.send
  // Its own children are its own business.
  for (const name of ['PREVIEWD_PROGRAM', 'PREVIEWD_BESIDE', 'NODE_CHANNEL_FD']) delete process.env[name]
  const { emit } = net.Server.prototype
  net.Server.prototype.emit = function (event, ...words) {
    if (event === 'listening') send({ listening: true })
    if (event === 'request') follow(words[1])
    return emit.call(this, event, ...words)
  }
  process.on('uncaughtExceptionMonitor', (error) => send({ error: described(error) }))
}

/** Follows an answer to its end. */
function follow(response) {
  if (typeof response?.once !== 'function') return
  answering.add(response)
  response.once('close', () => {
    answering.delete(response)
    if (answering.size === 0) drained?.()
  })
}

/** Returns what Node would print of an error, and the files that it may have come of where that does not say it: a syntax error
 * of an ES module does not. */
function described(error) {
  const traceback = String(error?.stack ?? `uncaught: ${error}`).split('\n').slice(0, MOST_LINES).map((line) => line.slice(0, MOST_CHARACTERS))
  const isPlaced = traceback.some((line) => line.includes(`${project}/`) && !line.includes('/node_modules/'))
  const suspects = isPlaced ? [] : native.newest().slice(0, MOST_SUSPECTS).map((file) => relative(project, file))
  return { message: String(error?.message ?? error).slice(0, MOST_CHARACTERS), traceback, suspects }
}
