// Runs a package manager at an installation, and again in another way where what it printed says that this helps:
//
//   node packages.cjs MANAGER COMMAND [COMMAND-BY-THE-MANIFEST-ALONE]
//
// What it says itself begins with `previewd: `, and the service reads it.

'use strict'

const { spawn, spawnSync } = require('node:child_process')
const { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } = require('node:fs')
const { totalmem } = require('node:os')
const { join } = require('node:path')

/** How much of what a command printed is kept, from its end. */
const KEPT = 512 * 1024
/** How long a look into the package index may take, in milliseconds. */
const LOOK = 15_000
/** A release of pnpm for releases of Node.js that the newest is not for. */
const OLDER_PNPM = '10.18.3'
/** The most packages that are added because a lockfile lacks them. */
const MOST_ADDED = 32
/** What yarn, the old and the new, says of a lockfile that it cannot read: both read it however they are called. */
const UNREADABLE =
  /TypeError: Cannot use 'in' operator to search for|(?:Unknown token|Invalid value type|Unexpected token)\b.* in \S*yarn\.lock|YAMLException|Expected an indexed object|YN0083/
/** What no other way of installing mends. */
const HOPELESS =
  /npm (?:ERR!|error) command (?:sh|git) |gyp ERR!|Could not resolve host|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENOSPC|heap out of memory|couldn't be built successfully|script from ".*" (?:exited|terminated)|EINTEGRITY|ERR_PNPM_TARBALL_INTEGRITY|Integrity check failed|IntegrityCheckFailed|YN0018/

/**
 * Rooms of V8, in MiB. As it sizes them by the memory of a container of 2 GiB, npm is at its garbage a seventh of its time.
 * The old may have three quarters of the memory that there is, where that is known.
 */
const ROOMS = { '--max-semi-space-size': 32, '--max-old-space-size': oldSpace() }

/** What others have downloaded, each file named by the SHA-512 of its content. */
const DOWNLOADS = '/handover/downloads'
/** Where npm has what it downloads itself. */
const cache = process.env.npm_config_cache
/** Whether what others have downloaded is there too. */
let taken = false

const BUN = '"$HOME/bun/node_modules/.bin/bun"'

const [manager, strict, free] = process.argv.slice(2)

function oldSpace() {
  const limit = process.constrainedMemory?.() ?? 0
  return limit < totalmem() ? Math.floor((limit * 0.75) / 2 ** 20) : 0
}

/** Returns the environment of a package manager. Releases of Node.js end at an option that they do not allow in it. */
function environment() {
  const given = process.env.NODE_OPTIONS ?? ''
  const options = Object.entries(ROOMS)
    .filter(([name, size]) => size > 0 && process.allowedNodeEnvironmentFlags.has(name) && !given.includes(name))
    .map(([name, size]) => `${name}=${size}`)
  return { ...process.env, NODE_OPTIONS: [given, ...options].join(' ').trim() }
}

function run(command) {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-ec', command], { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from.setEncoding('utf8')
      from.on('data', (text) => {
        to.write(text)
        said = (said + text).slice(-KEPT)
      })
    }
    child.on('error', (error) => resolve({ code: 127, said: String(error) }))
    child.on('close', (code, signal) => resolve({ code: code ?? (signal === 'SIGKILL' ? 137 : 143), said }))
  })
}

/** Returns how to try again, or nothing. */
function another(by, flags, said) {
  const flag = (name, why) => (flags.includes(name) ? undefined : { by, flags: [...flags, name], why })
  if (taken && said.includes('_cacache/content-v2')) {
    // What comes again, as it was asked for by no hash, cannot take the place of a link.
    // What was left half installed would be taken for whole.
    for (const folder of [cache, 'node_modules']) rmSync(folder, { recursive: true, force: true })
    taken = false
    return { by, flags, why: 'without what others have downloaded' }
  }
  if (manager === 'npm' && /\bERESOLVE\b/.test(said)) {
    const allowed = flag('--legacy-peer-deps', 'with the conflict of peer dependencies allowed')
    if (allowed) return allowed
  }
  if (manager === 'yarn' && /The engine "\w+" is incompatible with this module/.test(said)) {
    const allowed = flag('--ignore-engines', 'though another release of Node.js is asked for')
    if (allowed) return allowed
  }
  if (manager === 'pnpm' && /ERR_UNKNOWN_BUILTIN_MODULE|requires at least Node\.js/.test(said)) {
    const older = by.replace(/ pnpm@\S+/, ` pnpm@${OLDER_PNPM}`)
    if (older !== by) return { by: older, flags, why: `with pnpm ${OLDER_PNPM}, since the other is not for this Node.js` }
  }
  if ((manager === 'yarn' || manager === 'berry') && UNREADABLE.test(said) && existsSync('yarn.lock')) {
    rmSync('yarn.lock')
    return { by: free ?? by, flags, why: 'without yarn.lock, which cannot be read' }
  }
  if (free && by === strict && !HOPELESS.test(said)) {
    return { by: free, flags, why: 'by the manifest, since the lockfile does not serve as it is' }
  }
}

/** Says which releases there are of a package of which one was asked for that does not exist. */
function tellReleases(said) {
  const found =
    said.match(/notarget No matching version found for ((?:@[^/\s]+\/)?[^@\s]+)@/) ??
    said.match(/Couldn't find any versions for "([^"]+)" that matches "(?!workspace:)/) ??
    said.match(/YN0082: │ ((?:@[^/\s]+\/)?[^@\s]+)@/) ??
    said.match(/No version matching "[^"]*" found for specifier "([^"]+)"/) ??
    said.match(/ERR_PNPM_NO_MATCHING_VERSION.*No matching version found for ((?:@[^/\s]+\/)?[^@\s]+)@/)
  if (!found || found[1].startsWith('-')) return
  const { stdout } = spawnSync('npm', ['view', '--json', '--', found[1], 'versions'], { timeout: LOOK, encoding: 'utf8' })
  try {
    const versions = [JSON.parse(stdout)].flat().filter((version) => /^[\d.]+$/.test(version))
    if (versions.length) console.error(`previewd: releases of ${found[1]}: ${versions.slice(-400).join(' ')}`)
  } catch {
    // Without the index there is nothing to tell.
  }
}

/** Releases of Node.js by the names that `.nvmrc` may give them. */
const NAMED = { hydrogen: 18, iron: 20, jod: 22, krypton: 24 }

/** Returns whether a range of versions takes a major one. */
function allows(range, major) {
  return range.split('||').some((part) => {
    const words = part
      .replace(/(\S+)\s+-\s+(\S+)/, '>=$1 <=$2')
      .replace(/([<>=^~])\s+/g, '$1')
      .trim()
      .split(/\s+/)
    return words.every((word) => {
      const found = word.match(/^(>=|<=|>|<|\^|~|=)?v?(\d+)(?:\.(\d+))?/)
      if (!found) return true
      const [, how, text, minor] = found
      const asked = Number(text)
      if (how === '>=') return major >= asked
      if (how === '>') return minor === undefined ? major > asked : major >= asked
      if (how === '<') return Number(minor ?? 0) === 0 ? major < asked : major <= asked
      if (how === '<=') return major <= asked
      return major === asked
    })
  })
}

/** Warns of a project that asks for another major release of Node.js. */
function tellNode() {
  const read = (name) => {
    try {
      return readFileSync(name, 'utf8').trim()
    } catch {
      return ''
    }
  }
  const major = Number(process.versions.node.split('.')[0])
  for (const name of ['.nvmrc', '.node-version']) {
    const text = read(name)
    const asked = Number(text.match(/^v?(\d+)/)?.[1] ?? NAMED[text.replace('lts/', '')])
    if (asked && asked !== major) return warnOfNode(name, text)
  }
  try {
    const range = JSON.parse(read('package.json')).engines?.node
    if (typeof range === 'string' && !allows(range, major)) warnOfNode('package.json', range)
  } catch {
    // Who reads it next says what is wrong.
  }
}

function warnOfNode(file, asked) {
  const shown = asked.split('\n')[0].slice(0, 60)
  console.error(`previewd: warning: ${file} asks for Node.js ${shown}, and this is ${process.versions.node}`)
}

/** Returns whether a field such as `os`, with names or `!names`, takes one. */
function takes(list, name) {
  const names = [list ?? []].flat()
  if (names.includes(`!${name}`)) return false
  const wanted = names.filter((entry) => !entry.startsWith('!'))
  return wanted.length === 0 || wanted.includes(name) || wanted.includes('any')
}

/** Returns the packages, with versions, that are for this system, are optional to one that is there, and are not there. */
function missingNatives() {
  const missing = new Map()
  const seen = []
  const folders = (folder) => {
    try {
      return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    } catch {
      return []
    }
  }
  const look = (modules) => {
    for (const entry of folders(modules)) {
      if (entry.name.startsWith('.')) continue
      if (entry.name.startsWith('@')) look(join(modules, entry.name))
      else seen.push(join(modules, entry.name))
    }
  }
  look('node_modules')
  const has = (folder, name) => {
    for (let at = folder; at.length > 1; at = join(at, '..')) {
      if (existsSync(join(at, 'node_modules', name, 'package.json'))) return true
    }
    return existsSync(join('node_modules', name, 'package.json'))
  }
  // Names tell system, processor and C library, the only way to know before the package is there.
  const libc = process.report?.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'
  const suits = (name) => {
    const words = name.split(/[-/.]/)
    const other = libc === 'gnu' ? /musl/ : /gnu/
    return words.includes(process.platform) && words.includes(process.arch) && !other.test(name)
  }
  for (const folder of seen) {
    let manifest
    try {
      manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    } catch {
      continue
    }
    if (!takes(manifest.os, process.platform) || !takes(manifest.cpu, process.arch)) continue
    for (const [name, range] of Object.entries(manifest.optionalDependencies ?? {})) {
      if (suits(name) && /^[\w.^~*<>=| -]+$/.test(range) && !has(folder, name)) missing.set(name, range)
    }
  }
  return [...missing].slice(0, MOST_ADDED).map(([name, range]) => `${name}@${range}`)
}

/** Adds what a lockfile from another system lacks, which npm leaves out without a word. */
async function addNatives(flags) {
  const missing = missingNatives()
  if (missing.length === 0) return
  console.error(`previewd: warning: the lockfile lacks ${missing.join(', ')}, for this system; added`)
  const words = missing.map((name) => `'${name}'`).join(' ')
  const { code } = await run(
    `npm install --no-save --no-package-lock --no-audit --no-fund --no-update-notifier ${flags.join(' ')} ${words}`,
  )
  if (code !== 0) console.error('previewd: warning: they could not be added')
}

/** Puts what others have downloaded into npm's cache, which has a file by its hash too, and checks it at each use. */
function takeDownloads() {
  if (!cache || !existsSync(DOWNLOADS)) return
  const content = join(cache, '_cacache', 'content-v2', 'sha512')
  const folders = new Set()
  const names = new Set(readdirSync(DOWNLOADS))
  for (const name of names) {
    // What is to go may go while there is a link to it.
    if (!/^[0-9a-f]{128}$/.test(name) || names.has(`going-${name}`)) continue
    const folder = join(content, name.slice(0, 2), name.slice(2, 4))
    if (!folders.has(folder)) mkdirSync(folder, { recursive: true })
    folders.add(folder)
    symlinkSync(join(DOWNLOADS, name), join(folder, name.slice(4)))
    taken = true
  }
}

async function main() {
  tellNode()
  try {
    takeDownloads()
  } catch (error) {
    // npm fetches what is not there; an installation before has put them there.
    if (error.code !== 'EEXIST') console.error(`previewd: warning: ${error.message}`)
  }
  let way = { by: strict, flags: [] }
  for (;;) {
    const { code, said } = await run([way.by, ...way.flags].join(' '))
    if (code === 0) {
      if (manager === 'npm') await addNatives(way.flags)
      if (manager === 'bun' && /^Blocked \d+/m.test(said)) await run(`${BUN} pm untrusted`)
      return 0
    }
    const next = another(way.by, way.flags, said)
    if (!next) {
      tellReleases(said)
      return code
    }
    console.error(`previewd: installing again, ${next.why}`)
    way = next
  }
}

main().then((code) => {
  process.exitCode = code
})
