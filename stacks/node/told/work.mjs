// Signs that something of the project is at work in this process, from which one sees that its tools have ended: nobody says so.

import listeners from './listeners.cjs'
import { placed } from './places.mjs'
import * as writes from './writes.mjs'

/** How long after the last sign of work tools are taken to have ended. */
const QUIET_MS = 40
/**
 * The pieces in which these waits are counted. A container that has used up its share of the processor stands still: its
 * clock goes on, and nobody in it has worked meanwhile.
 */
const TICK_MS = 5
/** The longest that tools are waited for. */
const TOOLS_TIMEOUT_MS = 5000

/** How often a server was asked to find or load a module, and how many modules are being made. */
let worked = 0
let making = 0

/** Notes that a server was asked to find or load a module. */
export function works() {
  worked += 1
  return null
}

/** Counts the modules that a server or an environment of it is making, and puts the places of their errors right. */
export function count(maker) {
  const real = maker.transformRequest
  if (typeof real !== 'function' || real.previewd) return
  maker.transformRequest = async function (...words) {
    making += 1
    try {
      return await real.apply(this, words)
    } catch (error) {
      throw placed(error)
    } finally {
      making -= 1
      worked += 1
    }
  }
  maker.transformRequest.previewd = true
}

/** Returns how often there was a sign of work. */
export const signs = () => worked + writes.count

/**
 * Waits until tools have written what they had to: some begin only after `patience`, none says when it has ended.
 * `before` is what `signs` said before they were told.
 */
export async function toolsHaveWritten(before, patience) {
  const begun = performance.now()
  await new Promise(setImmediate)
  let seen = before
  for (let [waited, quiet] = [0, 0]; performance.now() - begun < TOOLS_TIMEOUT_MS; waited += TICK_MS, quiet += TICK_MS) {
    const busy = making > 0 || writes.running > 0 || listeners.running() > 0
    if (busy || signs() !== seen) [seen, quiet] = [signs(), 0]
    if (!busy && waited >= patience && (seen === before || quiet >= QUIET_MS)) return
    await new Promise((done) => setTimeout(done, TICK_MS))
  }
}
