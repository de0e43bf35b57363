// Watchers of the project's own tools that come from chokidar (React Router's, Nuxt's, VitePress's): told of changes as Vite
// is, since what they do has to be over when a change is said to show. chokidar gathers events for up to 100 ms.
//
// CommonJS, since it has to be there at once in a program that requires chokidar.

'use strict'

const { EventEmitter } = require('node:events')
const { resolve, sep } = require('node:path')

const live = new Set()

/** Puts a `watch` of ours in front of chokidar's, for whoever wants no more than changes. */
exports.tame = (chokidar) => {
  const real = chokidar?.watch
  if (typeof real !== 'function' || real.previewd) return chokidar
  const watch = exports.watching(real)
  try {
    chokidar.watch = watch
    if (chokidar.default && chokidar.default !== chokidar) chokidar.default.watch = watch
  } catch {
    // It cannot be changed, and goes on by itself.
  }
  return chokidar
}

exports.watching = (real) => {
  const watch = (paths, options = {}) => (options.ignoreInitial ? new Watcher(paths, options) : real(paths, options))
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
    this.paths = new Set()
    this.add(paths)
    live.add(this)
    setImmediate(() => this.emit('ready'))
  }

  add(paths) {
    for (const path of [paths].flat()) this.paths.add(fixed(resolve(this.folder, path)))
    return this
  }

  unwatch(paths) {
    for (const path of [paths].flat()) this.paths.delete(fixed(resolve(this.folder, path)))
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
    const within = [...this.paths].some((path) => file === path || file.startsWith(path.endsWith(sep) ? path : path + sep))
    if (!within || this.ignores(file)) return false
    const path = this.options.cwd && file.startsWith(this.folder + sep) ? file.slice(this.folder.length + 1) : file
    this.emit(event, path)
    this.emit('all', event, path)
    return true
  }

  ignores(file) {
    return [this.options.ignored ?? []].flat().some((rule) => {
      if (typeof rule === 'function') return rule(file)
      if (rule instanceof RegExp) return rule.test(file)
      return typeof rule === 'string' && (rule === file || file.startsWith(rule + sep))
    })
  }
}

/** Returns the part of a path before its first pattern. */
function fixed(path) {
  const at = path.search(/[*?{[(!]/)
  return at < 0 ? path : path.slice(0, path.lastIndexOf(sep, at))
}
