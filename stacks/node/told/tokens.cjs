// The tokens that Vite asks of whoever connects to its socket. Each server has the same over its restarts, and over those of
// its process: a page that was loading meanwhile would be refused, and hear of nothing any more.

'use strict'

const { createHash, randomBytes } = require('node:crypto')
const { linkSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')

/** How many bytes of a token are random, as in Vite. */
const TOKEN_BYTES = 9

/** How many servers of this process have a root, in the order in which they were made. */
const made = new Map()
let secret

/** Returns the token of the next server of a root. */
exports.next = (root) => {
  const number = made.get(root) ?? 0
  made.set(root, number + 1)
  secret ??= kept()
  return createHash('sha256').update(`${secret} ${number} ${root}`).digest().subarray(0, TOKEN_BYTES).toString('base64url')
}

/** Returns what no page elsewhere knows, and every process of this container does. */
function kept() {
  const fresh = randomBytes(TOKEN_BYTES).toString('hex')
  try {
    const file = join(dirname(process.env.PREVIEWD_CONTROL), 'token')
    const own = `${file}.${process.pid}`
    writeFileSync(own, fresh, { mode: 0o600 })
    try {
      linkSync(own, file)
    } catch {
      // Another process was first.
    }
    rmSync(own, { force: true })
    return readFileSync(file, 'utf8') || fresh
  } catch {
    return fresh
  }
}
