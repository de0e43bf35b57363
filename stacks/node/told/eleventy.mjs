// Eleventy's own development server: its watcher is ours (watchers.cjs), and that it has built it says on its output.

import { resolve } from 'node:path'

import { listen } from './control.mjs'
import { project } from './errors.mjs'
import native from './native.cjs'
import watchers from './watchers.cjs'

/** The longest that a build is waited for. */
const BUILT_TIMEOUT_MS = 25_000
/** What it says once it has built, and what where it could not. */
const BUILT = /\[11ty\] Watching/
const REFUSED = /\[11ty\] (?:Problem|Error|.*\(via )/
/** What it reads when it starts. */
const CONFIGURES = /\/(?:\.eleventy|eleventy\.config)\.[cm]?js$/

let said = () => {}

/** Begins to answer, in the process of Eleventy. */
export function begin() {
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write
    stream.write = function (chunk, ...words) {
      said(String(chunk))
      return write.call(this, chunk, ...words)
    }
  }
  listen(answer)
}

async function answer({ changes }) {
  const files = changes.map(({ path, kind }) => ({ file: resolve(project, path), kind }))
  // Of what is gone it only takes note.
  const anew = ({ file, kind }) => kind === 'unlink' || CONFIGURES.test(file) || native.has(file)
  if (files.some(anew)) return { ok: true, strategy: 'process' }
  const built = new Promise((done) => {
    let text = ''
    said = (chunk) => {
      text += chunk
      if (BUILT.test(text)) done(!REFUSED.test(text))
    }
    setTimeout(done, BUILT_TIMEOUT_MS, false).unref()
  })
  const told = files.map(({ file, kind }) => watchers.emit(kind, file)).includes(true)
  // What it could not build it says best when it starts.
  const shows = !told || (await built)
  said = () => {}
  return { ok: true, strategy: shows ? 'full' : 'process' }
}
