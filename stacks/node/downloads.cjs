// Keeps what npm has downloaded at an installation for others:
//
//   node downloads.cjs CONTENT KEPT BYTES
//
// CONTENT is the folder `content-v2/sha512` of npm's cache (https://github.com/npm/cacache), in which a file is at
// `01/23/4567...` if 01234567... is its SHA-512. KEPT gets the packages among them, each under the whole of that name; the
// oldest go where there are more bytes than BYTES. What the index says is there too, and is not kept: npm asks for it
// anew. What is in CONTENT may be anything, and may change meanwhile: what counts is what was copied.

'use strict'

const { createHash, randomUUID } = require('node:crypto')
const fs = require('node:fs')
const { join } = require('node:path')

/** The most files that are kept, and that are looked at. Each is a link in the folder of an installation that takes them. */
const MOST_FILES = 4096
/** How large a part of all one file may be. */
const PART = 8
/** How old, in milliseconds, a file is that somebody has begun to copy and will not end. */
const LEFT = 15 * 60 * 1000
const PIECE = 256 * 1024
/** What a package begins with: it is a tar archive packed by gzip (RFC 1952, 2.3.1). */
const GZIP = Buffer.from([0x1f, 0x8b])

const [, , content, kept, most] = process.argv

/** Yields the names in a folder; none where it is not there. */
function* names(folder) {
  let open
  try {
    open = fs.opendirSync(folder)
  } catch {
    return
  }
  try {
    for (let entry = open.readSync(); entry; entry = open.readSync()) yield entry.name
  } finally {
    open.closeSync()
  }
}

/** Yields the digest and the path of what may be a file of that content. */
function* downloads() {
  let looked = 0
  for (const first of names(content)) {
    for (const second of names(join(content, first))) {
      for (const rest of names(join(content, first, second))) {
        if (++looked > MOST_FILES) return
        const digest = first + second + rest
        if (/^[0-9a-f]{128}$/.test(digest)) yield [digest, join(content, first, second, rest)]
      }
    }
  }
}

/** Copies a package of up to so many bytes to a file, and returns the digest of what was copied, or nothing. */
function copy(path, to, bytes) {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants
  const from = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    if (!fs.fstatSync(from).isFile()) return
    const file = fs.openSync(to, 'wx', 0o644)
    try {
      const hash = createHash('sha512')
      const piece = Buffer.allocUnsafe(PIECE)
      for (let copied = 0; ; ) {
        const length = fs.readSync(from, piece)
        if (length === 0) return hash.digest('hex')
        if (copied === 0 && !piece.subarray(0, GZIP.length).equals(GZIP)) return
        copied += length
        if (copied > bytes) return
        hash.update(piece.subarray(0, length))
        fs.writeSync(file, piece.subarray(0, length))
      }
    } finally {
      fs.closeSync(file)
    }
  } finally {
    fs.closeSync(from)
  }
}

/** Keeps a download, if it is what its name says, and returns whether it was not kept before. */
function keep(digest, path) {
  const there = join(kept, digest)
  if (fs.existsSync(there)) return false
  const copied = join(kept, `new-${randomUUID()}`)
  try {
    if (copy(path, copied, Number(most) / PART) !== digest) return false
    fs.renameSync(copied, there)
    return true
  } catch {
    // A link, or gone: npm has it from here, or will fetch it.
    return false
  } finally {
    fs.rmSync(copied, { force: true })
  }
}

/** Removes what is too much, the oldest first, and what was left half copied. */
function tidy() {
  const files = []
  for (const name of names(kept)) {
    const path = join(kept, name)
    const found = fs.lstatSync(path, { throwIfNoEntry: false })
    if (!found) continue
    if (!name.startsWith('new-')) files.push({ path, size: found.size, born: found.mtimeMs })
    else if (Date.now() - found.mtimeMs > LEFT) fs.rmSync(path, { force: true })
  }
  files.sort((one, other) => other.born - one.born)
  let bytes = 0
  files.forEach(({ path, size }, index) => {
    bytes += size
    if (bytes > Number(most) || index >= MOST_FILES) fs.rmSync(path, { force: true })
  })
}

let count = 0
for (const [digest, path] of downloads()) count += keep(digest, path)
tidy()
console.log(`kept ${count}`)
