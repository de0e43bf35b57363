// Compilers of webpack and Rspack that watch (Docusaurus, Create React App, Vue CLI, Gatsby): their own watchers lose nothing
// where files are renamed into place. What is missing is their word: that what came of a change has been built.
//
// CommonJS, since it has to be there at once in a program that requires the compiler.

'use strict'

const { existsSync, utimesSync } = require('node:fs')
const { dirname, join, relative, resolve } = require('node:path')
const { pathToFileURL } = require('node:url')

const native = require('./native.cjs')
const proxies = require('./proxies.cjs')
const watchers = require('./watchers.cjs')

/** How long its watcher may take to see a change to a file that it builds from: it gathers them for 20 to 200 ms. Then it is
 * shown the file once more: one that was written just before it began to watch again it takes for an old one. */
const SEEN_MS = 600
/** The same for what tools make of files that come and go, as Docusaurus does of its documents: it gathers for 500 ms. */
const TOOLS_MS = 1500
/** How long before a notice its watcher may have seen the first of the files. */
const BEFORE_MS = 1000
/** How long after a build it is taken to have ended, and after one of several files, of which it may have seen the first
 * alone. */
const QUIET_MS = 50
const SEVERAL_QUIET_MS = 250
/** The longest that a build is waited for. */
const BUILT_TIMEOUT_MS = 25_000

const project = process.env.PREVIEWD_PROJECT ?? process.cwd()

/** The compilers that watch, with what each has said last. */
const live = new Map()
/** When the last notice was answered. */
let answered = 0

/** Follows the compilers that are made by a bundler. */
exports.tame = (bundler) => {
  const watch = bundler?.Compiler?.prototype?.watch
  if (typeof watch !== 'function' || watch.previewd) return bundler
  bundler.Compiler.prototype.watch = function (...words) {
    follow(this)
    return watch.apply(this, words)
  }
  bundler.Compiler.prototype.watch.previewd = true
  return bundler
}

function follow(compiler) {
  if (live.has(compiler)) return
  const state = { began: 0, building: true, ended: 0, stats: undefined, failure: undefined }
  live.set(compiler, state)
  const begin = () => {
    if (!state.building) state.began = performance.now()
    state.building = true
  }
  const end = (stats, failure) => {
    Object.assign(state, { stats: stats ?? state.stats, failure, building: false, ended: performance.now() })
  }
  compiler.hooks.invalid.tap('previewd', begin)
  compiler.hooks.watchRun.tap('previewd', begin)
  compiler.hooks.done.tap('previewd', (stats) => end(stats))
  compiler.hooks.failed.tap('previewd', (error) => end(undefined, error))
  compiler.hooks.watchClose.tap('previewd', () => live.delete(compiler))
  import(pathToFileURL(join(__dirname, 'control.mjs')).href).then(({ listen }) => listen(answer, true))
}

async function answer(notice) {
  try {
    return await shown(notice)
  } finally {
    answered = performance.now()
  }
}

async function shown({ changes }) {
  if (changes.length === 0) await proxies.listen()
  const since = performance.now()
  const files = changes.map(({ path, kind }) => ({ file: resolve(project, path), kind }))
  // What Node has read to configure the bundler.
  if (files.some(({ file }) => native.has(file) || isEnvironment(file))) return { ok: true, strategy: 'process' }
  const builtFrom = files.some(({ file }) => [...live.values()].some((state) => concerns(state, file)))
  const told = files.map(({ file, kind }) => watchers.emit(kind, file)).includes(true)
  const comeOrGo = told && files.some(({ kind }) => kind !== 'change')
  const patience = comeOrGo ? TOOLS_MS : builtFrom ? SEEN_MS : 0
  const written = Math.max(answered, since - BEFORE_MS)
  const seen = () => [...live.values()].some((state) => state.began > written)
  if (!(await until(seen, patience)) && builtFrom) {
    const now = new Date()
    for (const { file } of files) if (existsSync(file)) utimesSync(file, now, now)
    await until(seen, SEEN_MS)
  }
  if (comeOrGo) await until(() => false, since + TOOLS_MS - performance.now())
  const quiet = files.length > 1 ? SEVERAL_QUIET_MS : QUIET_MS
  const rests = ({ building, ended }) => !building && performance.now() - ended > quiet
  await until(() => [...live.values()].every(rests), BUILT_TIMEOUT_MS)
  for (const { stats, failure, building } of live.values()) {
    const error = failure ?? (building ? undefined : stats?.compilation.errors[0])
    if (error) return { ok: false, error: described(error) }
  }
  return { ok: true, strategy: 'hot' }
}

/** Returns whether a build reads a file, has looked for it, or looks at the folder that it is in. Nobody knows while the
 * next one is made: Rspack ends its process where it is asked of a build then. */
function concerns({ stats, building }, file) {
  if (building) return true
  const { fileDependencies, missingDependencies, contextDependencies } = stats?.compilation ?? {}
  if (fileDependencies?.has(file) || missingDependencies?.has(file)) return true
  for (let folder = dirname(file); folder.startsWith(project); folder = dirname(folder)) {
    if (contextDependencies?.has(folder)) return true
  }
  return false
}

/** Create React App and Vue CLI read these before they configure the bundler. */
function isEnvironment(file) {
  return dirname(file) === process.cwd() && /[/\\]\.env(\.[\w.]+)?$/.test(file)
}

/** Waits for a condition, for so long. Returns whether it holds. */
async function until(condition, milliseconds) {
  const end = performance.now() + milliseconds
  while (!condition()) {
    if (performance.now() >= end) return false
    await new Promise((done) => setTimeout(done, 5))
  }
  return true
}

/** Returns an error of a build as previewd reports it: its module says the file where its text does not. */
function described(error) {
  const text = String(error.message ?? error).replace(/\u001b\[[0-9;]*m/g, '')
  const module = error.module?.resource ?? error.module?.nameForCondition?.() ?? error.file
  const named = [...text.matchAll(/((?:\/|\.{0,2}\/|[\w@-]+\/)[^\s"'`():]+\.\w+)"?(?:[:(]| \()(\d+)/g)].find(([, file]) => !file.includes('node_modules'))
  const file = module && !module.includes('node_modules') ? module.split('?')[0] : named?.[1]
  const line = error.loc?.start?.line ?? /\((\d+):\d+\)/.exec(text)?.[1] ?? named?.[2] ?? /[[:]?(?:line )?(\d+):\d+/.exec(text)?.[1] ?? /(?:^|\n)\s*>\s*(\d+) \|/.exec(text)?.[1]
  const lines = text.split('\n').map((line) => line.trim()).filter(Boolean)
  // "Module build failed (from ...):" says nothing; what follows does.
  const message = lines.find((line) => !/^(Module build failed|Module Error|×|x$)/.test(line)) ?? lines[0] ?? 'it did not compile'
  const path = file && relative(project, resolve(process.cwd(), file))
  return { message: message.replaceAll(`${project}/`, '').slice(0, 1000), file: path?.startsWith('..') ? undefined : path, line: line ? Number(line) : undefined }
}
