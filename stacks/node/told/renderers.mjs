// What renders pages beside a Vite server, in its process, a thread or another process. It forgets its modules when it is told
// to; what it was being handed at that moment it takes all the same, as it was before the change, and keeps it.

import { setTimeout as delay } from 'node:timers/promises'

/** The longest that what is being handed over is waited for. */
const FETCH_MS = 2000

/** What is being handed over, by environment. */
const running = new WeakMap()

/** Follows what an environment hands to its renderer. */
export function follow(environment) {
  const real = environment.fetchModule
  if (typeof real !== 'function' || real.previewd) return
  const own = new Set()
  running.set(environment, own)
  environment.fetchModule = async function (...words) {
    const fetching = real.apply(this, words)
    own.add(fetching)
    try {
      return await fetching
    } finally {
      own.delete(fetching)
    }
  }
  environment.fetchModule.previewd = true
}

/** Has renderers forget once more what they were being handed while they were told of a change. */
export function forgetAgain(environments) {
  return Promise.all(
    environments.map(async (environment) => {
      const fetching = [...(running.get(environment) ?? [])]
      if (fetching.length === 0) return
      await Promise.race([Promise.allSettled(fetching), delay(FETCH_MS, undefined, { ref: false })])
      environment.hot.send({ type: 'full-reload' })
    }),
  )
}
