// Compilers that hand what they make to a Vite server, and watch the sources themselves: that of Angular. Its watcher is ours,
// so that it hears of a change at once, and it is known when what came of it has been handed over.
//
// CommonJS, since it has to be there at once in a program that requires the compiler.

'use strict'

/** What Angular reads when it starts. */
const CONFIGS = /\/(?:angular|project|tsconfig[^/]*|\.postcssrc)\.json$|\/(?:tailwind|postcss)\.config\.[^/]+$/

/** Where pages fetch the component that they are told of, what they are told, and how long they are waited for. */
const COMPONENT = '/@ng/component'
exports.TOLD = 'angular:component-update'
const FETCH_MS = 2000

const live = new Set()
/** How often a component was fetched since the last change. */
let fetched = 0

/** The most updates that are known, the last ones, by the time that each page fetches it with. */
const MAX_UPDATES = 100
const updates = []
/** Who loads the pages anew. */
let reload = () => {}

/** Puts a watcher of ours in the place of the one that Angular's compiler makes. */
exports.tame = (loaded) => {
  const { ChangedFiles } = loaded ?? {}
  if (typeof loaded?.createWatcher !== 'function' || !ChangedFiles) return loaded
  try {
    loaded.createWatcher = () => new Watcher(ChangedFiles)
  } catch {
    // It cannot be changed, and goes on by itself.
  }
  return loaded
}

/** Returns whether there is one in this process, whose server serves nothing else. */
exports.any = () => live.size > 0

/** Returns whether a file is read only when such a compiler starts. */
exports.decides = (file) => live.size > 0 && CONFIGS.test(file)

/** Tells every compiler of changed files, and resolves once all have compiled. */
exports.emit = (files) => {
  fetched = 0
  return Promise.all(files.length > 0 ? [...live].map((watcher) => watcher.hear(files)) : [])
}

/** Has pages loaded anew, by a function, that are told of a component and get nothing for it. */
exports.follow = (loadAnew) => {
  reload = loadAnew
}

/** Notes that pages were told of a component, to fetch it with a time. */
exports.tell = ({ timestamp }) => {
  updates.push(String(timestamp))
  if (updates.length > MAX_UPDATES) updates.shift()
}

/**
 * Notes a request. The server forgets a component when anybody asks for a page: who comes for it then gets nothing, and would
 * go on to show what was before.
 */
exports.note = ({ url }, response) => {
  if (!url?.includes(COMPONENT)) return
  const told = updates.includes(new URLSearchParams(url.split('?')[1]).get('t'))
  const { end } = response
  response.end = function (body, ...words) {
    if (told && !body) reload()
    return end.call(this, body, ...words)
  }
  response.once('close', () => (fetched += 1))
}

/** Resolves once so many pages have fetched a component that they were told of: they are asked for by ourselves next. */
exports.fetched = async (pages) => {
  const until = performance.now() + FETCH_MS
  while (fetched < pages && performance.now() < until) await new Promise((done) => setTimeout(done, 5))
}

/** What Angular's own looks like. It is asked for changes by the loop that compiles, so whoever asks again has compiled. */
class Watcher {
  constructor(ChangedFiles) {
    this.ChangedFiles = ChangedFiles
    /** Who waits for changes, and who waits until those that were handed out are compiled. */
    this.asking = undefined
    this.heard = undefined
    this.compiled = []
    this.waiting = []
    live.add(this)
  }

  [Symbol.asyncIterator]() {
    return this
  }

  next() {
    for (const done of this.compiled.splice(0)) done()
    return new Promise((resolve) => {
      this.asking = resolve
      this.hand()
    })
  }

  hear(files) {
    const heard = (this.heard ??= new this.ChangedFiles())
    for (const { file, kind } of files) {
      const [to, from] = kind === 'unlink' ? [heard.removed, heard.modified] : [heard.modified, heard.removed]
      from.delete(file)
      to.add(file)
    }
    return new Promise((done) => {
      this.waiting.push(done)
      this.hand()
    })
  }

  hand() {
    const { asking, heard } = this
    if (!asking || !heard) return
    this.asking = this.heard = undefined
    this.compiled.push(...this.waiting.splice(0))
    asking({ value: heard, done: false })
  }

  add() {}

  remove() {}

  async close() {
    live.delete(this)
    for (const done of [...this.compiled.splice(0), ...this.waiting.splice(0)]) done()
    this.asking?.({ value: undefined, done: true })
    this.asking = undefined
  }
}
