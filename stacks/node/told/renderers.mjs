// What renders pages beside a Vite server, in its process, a thread or another process. It asks of each module that it has
// whether that is still the newest, and Vite answers as if nobody else wanted modules: one that was made anew for somebody
// else, as for a collector of styles, is taken for what the renderer has. What Vite was making at the moment of a change it
// hands over as it was before. Either way the renderer would keep what is stale until the next change.

/** How often a module is made again for one request because it went stale meanwhile: some go stale by being made. */
const MAX_AGAIN = 3

/** How many modules have gone stale so far. */
let gone = 0

/** Sees to it that an environment hands to its renderer what is the newest, and says of nothing else that it is. */
export function follow(environment) {
  const { fetchModule: real, moduleGraph: graph } = environment
  if (typeof real !== 'function' || real.previewd) return
  const wentAt = noteStale(graph)
  const isStale = (module, since) => wentAt.get(module) > since
  /** The modules that the renderer has: by the address that it asks with, and how many had gone stale when it was handed each. */
  const modules = new Map()
  const handed = new WeakMap()
  environment.fetchModule = async function (url, importer, options) {
    const had = modules.get(url)
    for (let times = 0; ; times += 1) {
      const since = gone
      const anew = Boolean(options?.cached && had && isStale(had, handed.get(had)))
      const made = await settled(real.call(this, url, importer, anew ? { ...options, cached: false } : options))
      const module = await moduleOf(graph, url, made)
      if (module && isStale(module, since) && times < MAX_AGAIN) continue
      if (made.error) throw made.error
      if (!made.value?.id || !module) return made.value
      modules.set(url, module)
      handed.set(module, since)
      return anew ? { ...made.value, invalidate: true } : made.value
    }
  }
  environment.fetchModule.previewd = true
}

/** Returns when each module of a graph went stale last, as of now: how many had by then. */
function noteStale(graph) {
  const wentAt = new WeakMap()
  const real = graph.invalidateModule
  graph.invalidateModule = function (module, ...words) {
    gone += 1
    wentAt.set(module, gone)
    return real.call(this, module, ...words)
  }
  return wentAt
}

/** Resolves to what a promise comes to, be it an error. */
function settled(promise) {
  return promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  )
}

/** Returns the module that was made for an address, or that could not be made. */
async function moduleOf(graph, url, { value, error }) {
  if (value?.id) return graph.getModuleById(value.id)
  return error ? graph.getModuleByUrl(url).catch(() => undefined) : undefined
}
