// The thread in which Nitro renders pages beside a Vite server (TanStack Start, SolidStart and others). It keeps the module
// that answers requests, and imports it again when it is told of a change: a request that comes meanwhile it would answer by
// the one before, and of two imports the one that ends last counts, which may be the older.
//
// CommonJS, since it has to be there at once: before Nitro makes what answers.

'use strict'

/** Where Nitro keeps what answers, by the environment's name. */
const KEPT = '__nitro_vite_envs__'
/**
 * The longest that a request waits for an import, which may itself wait for the answer. The first has all of the framework to
 * make: where the processor is shared it has taken more than 13 s.
 */
const IMPORTED_MS = 30_000

/** Has requests to this thread wait for the imports that began before them. */
exports.follow = () => {
  const set = (kept, name, one) => {
    kept[name] = typeof one?.reload === 'function' && typeof one.fetch === 'function' ? inTurn(one) : one
    return true
  }
  globalThis[KEPT] ??= new Proxy({ nitro: undefined, ssr: undefined }, { set })
}

function inTurn(one) {
  const { reload, fetch } = one
  // What cannot be imported it says by itself. This one joins the import that it has begun.
  const again = async () => reload.call(one)
  let imported = again().catch(() => {})
  one.reload = () => {
    imported = imported.then(again).catch(() => {})
    return imported
  }
  one.fetch = async (...words) => {
    await within(IMPORTED_MS, imported)
    return fetch.apply(one, words)
  }
  return one
}

/** Resolves as a promise does that is never rejected, or after so many milliseconds. */
function within(milliseconds, promise) {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds)
    promise.then(() => {
      clearTimeout(timer)
      done()
    })
  })
}
