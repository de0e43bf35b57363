// Watchers of the project's own tools that come from chokidar (React Router's, Nuxt's, VitePress's): told of changes as Vite
// is, since what they do has to be over when a change is said to show. chokidar gathers events for up to 100 ms.
//
// CommonJS, since it has to be there at once in a program that requires chokidar.

'use strict'

const { EventEmitter } = require('node:events')
const { resolve, sep } = require('node:path')

const listeners = require('./listeners.cjs')

/** The names that it is imported by; Eleventy's own is that of its third version. */
const NAMES = new Set(['chokidar', '@11ty/chokidar-with-glob-support'])

const live = new Set()

exports.isChokidar = (name) => NAMES.has(name)

/** Puts a `watch` of ours in front of chokidar's, for whoever wants no more than changes, or for everybody. */
exports.tame = (chokidar, everybody) => {
  const real = chokidar?.watch
  if (typeof real !== 'function' || real.previewd) return chokidar
  const watch = exports.watching(real, everybody)
  try {
    chokidar.watch = watch
    if (chokidar.default && chokidar.default !== chokidar) chokidar.default.watch = watch
  } catch {
    // It cannot be changed, and goes on by itself.
  }
  return chokidar
}

exports.watching = (real, everybody = false) => {
  const watch = (paths, options = {}) => (everybody || options.ignoreInitial ? new Watcher(paths, options) : real(paths, options))
  watch.previewd = true
  return watch
}

/** Tells every watcher whose paths a file is below. Returns whether there was one. */
exports.emit = (event, file) => {
  let told = false
  for (const watcher of live) told = watcher.hear(event, file) || told
  return told
}

/** What chokidar's own looks like. It watches nothing. */
class Watcher extends EventEmitter {
  constructor(paths, options) {
    super()
    this.options = options
    this.folder = options.cwd ? resolve(options.cwd) : process.cwd()
    /** What says of a path whether it is watched, by what was asked for. */
    this.paths = new Map()
    this.add(paths)
    live.add(this)
    setImmediate(() => this.emit('ready'))
  }

  add(paths) {
    for (const path of [paths].flat()) this.paths.set(resolve(this.folder, path), below(resolve(this.folder, path)))
    return this
  }

  unwatch(paths) {
    for (const path of [paths].flat()) this.paths.delete(resolve(this.folder, path))
    return this
  }

  getWatched() {
    return {}
  }

  async close() {
    live.delete(this)
    this.removeAllListeners()
  }

  hear(event, file) {
    const within = [...this.paths.values()].some((watched) => watched.test(file))
    if (!within || this.ignores(file)) return false
    const path = this.options.cwd && file.startsWith(this.folder + sep) ? file.slice(this.folder.length + 1) : file
    listeners.tell(this, event, path)
    listeners.tell(this, 'all', event, path)
    return true
  }

  ignores(file) {
    return [this.options.ignored ?? []].flat().some((rule) => {
      if (typeof rule === 'function') return rule(file)
      if (rule instanceof RegExp) return rule.test(file)
      return typeof rule === 'string' && below(resolve(this.folder, rule)).test(file)
    })
  }
}

/** Returns what fits a path and all below it. Until its fourth version chokidar takes patterns. */
function below(path) {
  const exact = (text) => text.replace(/[.+^$()|[\]{}\\*?]/g, '\\$&')
  const pattern = path.replace(/\/$/, '').replace(/\*\*\/|\*\*|\{[^{}]*,[^{}]*\}|[^\w/]/g, (part) => {
    if (part.length > 1 && part.startsWith('{')) return `(?:${part.slice(1, -1).split(',').map(exact).join('|')})`
    return { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' }[part] ?? exact(part)
  })
  return new RegExp(`^${pattern}(?:/|$)`)
}
