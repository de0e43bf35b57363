// Which files of the project Node itself has loaded in this process: what it has read once it never reads again, so a change
// to one of them needs a new process. CommonJS, since it has to be there at once.

'use strict'

const { sep } = require('node:path')
const { fileURLToPath } = require('node:url')
const { isModuleNamespaceObject } = require('node:util').types
const { receiveMessageOnPort } = require('node:worker_threads')

const project = process.env.PREVIEWD_PROJECT ?? process.cwd()
const foreign = `${sep}node_modules${sep}`
/** The ES modules; those of CommonJS are in `require.cache`. */
const modules = new Set()
/** Those among them of which the address has no query: whoever wants such a file again is given what it was. */
const fixed = new Set()
/** Where the thread of the module hooks says what is loaded, if they have one. */
let hooks

/** Notes the address of a module that is loaded. */
exports.note = (url) => {
  if (!url.startsWith('file:')) return
  const [address, query] = url.split('?')
  const file = fileURLToPath(address)
  if (!isOwn(file)) return
  modules.add(file)
  if (!query) fixed.add(file)
}

/** Notes what is said at a port. */
exports.follow = (port) => {
  hooks = port
  port.on('message', exports.note)
  port.unref()
}

/** Returns the ES modules of the project that were loaded, the newest first. */
exports.newest = () => {
  for (let said; (said = hooks && receiveMessageOnPort(hooks)); ) exports.note(said.message)
  return [...modules].reverse()
}

/** Returns whether Node has loaded a file of the project. */
exports.has = (file) => modules.has(file) || (isOwn(file) && file in require.cache)

/**
 * Returns whether nobody in this process can load a file again: it is an ES module, which a tool that requires it (as
 * Tailwind 3 does its configuration) gets as it was, even where it takes it out of `require.cache` before.
 */
exports.stays = (file) => fixed.has(file) || (isOwn(file) && isModuleNamespaceObject(require.cache[file]?.exports))

/** Returns whether what this process runs is a file of the project, and not a program that it has installed. */
exports.runsOwn = () => isOwn(process.argv[1] ?? '')

function isOwn(file) {
  return file.startsWith(project + sep) && !file.includes(foreign)
}
