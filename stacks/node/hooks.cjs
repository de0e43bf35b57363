// Module hooks that put a `createServer` of ours in front of Vite's own, whoever imports it: a framework, Vite's command
// line, a server script. Everything else of Vite is exported as it is. So too chokidar's `watch`.
//
// The same functions serve `registerHooks`, which calls them in the program's own thread and wants answers at once, and
// `register`, which awaits them.

'use strict'

const { join } = require('node:path')
const { pathToFileURL } = require('node:url')

const native = require('./told/native.cjs')
const watchers = require('./told/watchers.cjs')

/** Vite's module and its command line, in whatever folder a package manager keeps them. */
const VITE = /\/(?:rolldown-)?vite\/dist\/node\/index\.js$/
const COMMAND_LINE = /\/(?:rolldown-)?vite\/dist\/node\/cli\.js$/
/** How the command line gets `createServer`: from a part of Vite, past its module. */
const OWN_IMPORT =
  /const \{ createServer \} = await import\([^)]*\)(?:\.then\((?:function ?\(n\) ?\{[^}]*\}|\(n\) ?=> ?n\.\w+)\))?;/
/** What marks the address of the module that is put in front. */
const TOLD = '?previewd-told'
const CHOKIDAR = /\/(?:chokidar|@11ty\/chokidar-with-glob-support)\/(?:esm\/)?index\.m?js$/
const ours = (name) => JSON.stringify(pathToFileURL(join(__dirname, 'told', name)).href)

exports.resolve = (specifier, context, next) =>
  then(next(specifier, context), (found) => {
    const imported = !context.conditions?.includes('require')
    const told = VITE.test(found.url) || (imported && watchers.isChokidar(specifier) && CHOKIDAR.test(found.url))
    return told && !context.parentURL?.endsWith(TOLD) ? { url: found.url + TOLD, format: 'module', shortCircuit: true } : found
  })

let note = native.note

/** Is called in the thread of `register`, with the way to the program's own. */
exports.initialize = (port) => {
  note = (url) => void port.postMessage(url)
}

exports.load = (url, context, next) => {
  if (url.endsWith(TOLD)) return { format: 'module', source: inFront(url.slice(0, -TOLD.length)), shortCircuit: true }
  if (url.startsWith('file:') && !url.includes('/node_modules/')) note(url)
  if (!COMMAND_LINE.test(url)) return next(url, context)
  return then(next(url, context), (loaded) => {
    const source = String(loaded.source ?? '')
    return { ...loaded, source: source.replace(OWN_IMPORT, 'const { createServer } = await import("./index.js");') }
  })
}

/** Returns a module like the one at the address, but for one function: a local export wins over those of a star. */
function inFront(address) {
  const real = JSON.stringify(address)
  const all = `import * as real from ${real}\nexport * from ${real}\n`
  return VITE.test(address)
    ? `${all}import { told } from ${ours('servers.mjs')}\nexport const createServer = told(real)\n`
    : `${all}import { createRequire } from 'node:module'
const { watching } = createRequire(${ours('watchers.cjs')})(${JSON.stringify(join(__dirname, 'told', 'watchers.cjs'))})
const from = real.default ?? {}
export const watch = watching(real.watch ?? from.watch)
export default { ...from, watch }\n`
}

function then(value, use) {
  return value instanceof Promise ? value.then(use) : use(value)
}
