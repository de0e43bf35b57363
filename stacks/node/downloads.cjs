// Keeps what npm has downloaded at an installation for others:
//
//   node downloads.cjs CONTENT KEPT BYTES SECONDS
//
// CONTENT is the folder `content-v2/sha512` of npm's cache (https://github.com/npm/cacache), in which a file is at
// `01/23/4567...` if 01234567... is its SHA-512. KEPT gets the packages among them, each under the whole of that name. What
// the index says is there too, and is not kept: npm asks for it anew. What is in CONTENT may be anything, and may change
// meanwhile: what counts is what was copied.
//
// Where there are more bytes than BYTES, the oldest get a note beside them, `going-` and their name: nobody takes them from
// then on. They go SECONDS later, when the installations that have links to them have ended.

'use strict'

const { createHash, randomUUID } = require('node:crypto')
const fs = require('node:fs')
const { join } = require('node:path')

/** The most files that are kept. Each is a link in the folder of an installation that takes them. */
const MOST_FILES = 4096
/** The most names that are looked at, folders included. */
const MOST_NAMES = 4 * MOST_FILES
/** How large a part of all one file may be. */
const PART = 8
/** How many times BYTES there are at most while some have yet to go. */
const ROOM = 2
/** How old, in milliseconds, a file is that somebody has begun to copy and will not end. */
const LEFT = 15 * 60 * 1000
const PIECE = 256 * 1024
/** What a package begins with: it is a tar archive packed by gzip (RFC 1952, 2.3.1). */
const GZIP = Buffer.from([0x1f, 0x8b])

const [content, kept] = process.argv.slice(2)
const [most, seconds] = process.argv.slice(4).map(Number)

const COPIED = 'new-'
const GOING = 'going-'

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
    if (++looked > MOST_NAMES) return
    for (const second of names(join(content, first))) {
      if (++looked > MOST_NAMES) return
      for (const rest of names(join(content, first, second))) {
        if (++looked > MOST_NAMES) return
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

/** Keeps a download, if it is what its name says, and returns how many bytes were not kept before. */
function keep(digest, path) {
  const there = join(kept, digest)
  if (fs.existsSync(there)) {
    stay(digest)
    return 0
  }
  const copied = join(kept, COPIED + randomUUID())
  try {
    if (copy(path, copied, most / PART) !== digest) return 0
    fs.renameSync(copied, there)
    return fs.statSync(there).size
  } catch {
    // A link, or gone: npm has it from here, or will fetch it.
    return 0
  } finally {
    fs.rmSync(copied, { force: true })
  }
}

/** Has one stay that was to go: it was fetched again. */
function stay(digest) {
  const note = join(kept, GOING + digest)
  if (!fs.existsSync(note)) return
  const now = new Date()
  fs.utimesSync(join(kept, digest), now, now)
  fs.rmSync(note, { force: true })
}

/** Returns what is kept, the newest first. */
function listed() {
  const files = []
  for (const name of names(kept)) {
    if (name.startsWith(COPIED) || name.startsWith(GOING)) continue
    const found = fs.lstatSync(join(kept, name), { throwIfNoEntry: false })
    if (found) files.push({ name, size: found.size, born: found.mtimeMs })
  }
  return files.sort((one, other) => other.born - one.born)
}

/** Notes what is too much, the oldest first, and removes what was noted long ago, or left half copied. */
function tidy() {
  const age = (path) => Date.now() - (fs.lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
  for (const name of names(kept)) {
    if (name.startsWith(COPIED) && age(join(kept, name)) > LEFT) fs.rmSync(join(kept, name), { force: true })
  }
  let bytes = 0
  listed().forEach(({ name, size }, index) => {
    bytes += size
    if (bytes <= most && index < MOST_FILES) return
    const note = join(kept, GOING + name)
    if (!fs.existsSync(note)) fs.writeFileSync(note, '')
    else if (age(note) > seconds * 1000) for (const path of [join(kept, name), note]) fs.rmSync(path, { force: true })
  })
}

const before = listed().reduce((sum, { size }) => sum + size, 0)
let added = 0
for (const [digest, path] of downloads()) {
  if (before + added > ROOM * most) break
  added += keep(digest, path)
}
tidy()
console.log(`kept ${added} bytes more`)
