// What renders pages beside a Vite server, in its process, a thread or another process: it loads its modules anew when it is
// told to, one time after another, and answers with the old ones until it comes to it. Nobody says when; it shows in what it
// fetches.

import { EventEmitter } from 'node:events'

/** The longest that a renderer is waited for: a module that no page needs yet, it fetches when one does. */
const FETCH_MS = 2000

/** When each file was fetched last, in milliseconds of `performance.now()`. */
const fetched = new Map()
const news = new EventEmitter().setMaxListeners(0)

/** Follows what an environment hands to its renderer. */
export function follow(environment) {
  const real = environment.fetchModule
  if (typeof real !== 'function' || real.previewd) return
  environment.fetchModule = async function (...words) {
    const began = performance.now()
    const result = await real.apply(this, words)
    // Without code it was told that it has it already.
    if (result?.code !== undefined && result.file) {
      fetched.set(result.file, began)
      news.emit('fetched')
    }
    return result
  }
  environment.fetchModule.previewd = true
}

/** Resolves once those of the files that were fetched before have been fetched since a time. */
export async function haveFetched(files, since) {
  const known = files.filter((file) => fetched.has(file))
  const isDone = () => known.every((file) => fetched.get(file) >= since)
  let timer
  const over = new Promise((done) => {
    timer = setTimeout(done, FETCH_MS)
  })
  let done
  const all = new Promise((resolve) => {
    done = () => isDone() && resolve()
  })
  news.on('fetched', done)
  done()
  await Promise.race([all, over])
  news.off('fetched', done)
  clearTimeout(timer)
}
