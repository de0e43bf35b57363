// A program of the project's own, beside the development server: it is told of changes to say which of them need it anew.

import { resolve } from 'node:path'

import { listen } from './control.mjs'
import { project } from './errors.mjs'
import native from './native.cjs'

/** Begins to answer. A development server in this process takes over later. */
export function begin() {
  listen(({ changes }) => {
    const stale = changes.some(({ path }) => native.has(resolve(project, path)))
    return { ok: true, strategy: stale ? 'process' : 'hot' }
  })
}
