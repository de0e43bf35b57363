// What the tools of a project write themselves: trees of routes, types, content. Vite's watcher would hear of that; with it
// away, the functions that write say so.

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

import { project } from './errors.mjs'

/** The largest file whose content is compared with what is there. */
const MAX_COMPARED_BYTES = 4 * 1024 * 1024
/** What nobody watches. */
const FOREIGN = ['node_modules', '.git', '.vite'].map((name) => `${sep}${name}${sep}`)

/** How often something was written. */
export let count = 0
/** How many writes have begun, and were not told of yet. */
export let running = 0

let heard

/** Calls back with 'add' or 'change' and the path after each write below the project's folder that changed something. */
export function follow(listener) {
  const first = heard === undefined
  heard = listener
  if (!first) return
  for (const name of ['writeFile', 'rename', 'copyFile']) {
    fs[`${name}Sync`] = synchronous(fs[`${name}Sync`], name)
    fs.promises[name] = asynchronous(fs.promises[name], name)
    fs[name] = withCallback(fs[name], name)
  }
  // For those who have imported them by name.
  syncBuiltinESMExports()
}

function synchronous(real, name) {
  return function (...words) {
    const event = about(name, words)
    const outcome = real.apply(this, words)
    event?.()
    return outcome
  }
}

function asynchronous(real, name) {
  return async function (...words) {
    const event = about(name, words)
    running += 1
    try {
      const outcome = await real.apply(this, words)
      event?.()
      return outcome
    } finally {
      running -= 1
    }
  }
}

function withCallback(real, name) {
  return function (...words) {
    const done = words.at(-1)
    if (typeof done !== 'function') return real.apply(this, words)
    const event = about(name, words.slice(0, -1))
    return real.call(this, ...words.slice(0, -1), (error, ...rest) => {
      if (!error) event?.()
      done(error, ...rest)
    })
  }
}

/** Returns what says that a call has written, or undefined if it writes nothing new. */
function about(name, [first, second]) {
  try {
    const file = pathOf(name === 'writeFile' ? first : second)
    if (!file?.startsWith(project + sep) || FOREIGN.some((part) => file.includes(part))) return undefined
    const there = fs.statSync(file, { throwIfNoEntry: false })
    if (there?.isFile() && there.size <= MAX_COMPARED_BYTES) {
      const content = name === 'writeFile' ? second : fs.readFileSync(pathOf(first))
      const bytes = typeof content === 'string' ? Buffer.from(content) : ArrayBuffer.isView(content) ? Buffer.from(content.buffer, content.byteOffset, content.byteLength) : undefined
      if (bytes?.length === there.size && bytes.equals(fs.readFileSync(file))) return undefined
    }
    return () => {
      count += 1
      running += 1
      // Later, as a watcher would: Astro says only after it has written a file that this one is not to restart it.
      setImmediate(() => {
        running -= 1
        heard(there ? 'change' : 'add', file)
      })
    }
  } catch {
    // Whatever it is, the call itself says so.
    return undefined
  }
}

function pathOf(value) {
  if (value instanceof URL) return fileURLToPath(value)
  return typeof value === 'string' ? resolve(value) : undefined
}
