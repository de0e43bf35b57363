// A program of the project's own that a script runs beside the development server: a change to one of its files starts it
// anew, and nothing else. In its place stands this process, which has the program as its child: what runs the script, such as
// `concurrently`, sees it go on.

'use strict'

const { execFile } = require('node:child_process')
const { join, relative, resolve } = require('node:path')
const { pathToFileURL } = require('node:url')

const proxies = require('./proxies.cjs')
const { Running, hasRunner } = require('./running.cjs')

/** How long Node may take to read a file that may be the one at fault. */
const READ_TIMEOUT_MS = 5000
/** How long it is waited for a program that listens on no port, or not yet. */
const START_MS = 3000

const project = process.env.PREVIEWD_PROJECT ?? process.cwd()

const program = new Running((code, signal) => {
  if (replacing || failure) return
  proxies.note(true)
  if (code === 0 || ending || !hasRunner()) process.exit(code)
  // Nobody else would say so, nor start it again when it is mended.
  failure = program.failure ?? program.left(signal ?? code)
  located = locate(failure, [relative(project, process.argv[1])])
})
/** What ended the program, and what finds its place. */
let failure
let located
let replacing = false
/** Whether this process was told to end. */
let ending = false

/** Runs the program of this process in a child, and answers for it. */
exports.run = async () => {
  const { listen } = await import(pathToFileURL(join(__dirname, 'control.mjs')).href)
  listen(answer)
  start()
  // A program that does not run is waited for: the next change may mend it.
  setInterval(() => {}, 2 ** 30)
  process.on('exit', () => proxies.replace(false))
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => {
    ending = true
    if (failure) process.exit(1)
    program.child.kill(signal)
  })
}

function start() {
  proxies.note(false)
  program.start(process.execPath, [...process.execArgv, ...process.argv.slice(1)])
}

async function answer({ changes }) {
  if (changes.length === 0) await program.settles(START_MS)
  if (changes.length > 0 && (failure || (await program.isStale(changes)))) {
    replacing = true
    // What has never listened is asked for nothing.
    proxies.replace(program.listening > 0)
    await program.drain()
    await program.end()
    start()
    failure = await program.listens()
    proxies.replace(false)
    replacing = false
    located = failure && locate(failure, changes.map(({ path }) => path))
  }
  await located
  return failure ? { ok: false, error: failure } : { ok: true, strategy: 'full' }
}

/** Puts what Node says of the first file that it cannot read in place of an error that names none. */
async function locate(failure, paths) {
  const { suspects = [], traceback = [] } = failure
  delete failure.suspects
  if (suspects.length > 0 && traceback.some((line) => line.startsWith('SyntaxError'))) failure.traceback = (await unreadable(new Set([...paths, ...suspects]))) ?? traceback
}

/** Returns the lines in which Node says of one of some files that it cannot read it. */
async function unreadable(paths) {
  for (const path of [...paths].filter((path) => /\.[cm]?js$/.test(path))) {
    const said = await new Promise((done) => {
      execFile(process.execPath, ['--check', resolve(project, path)], { env: {}, timeout: READ_TIMEOUT_MS }, (error, _, text) => done(error ? text : ''))
    })
    const lines = said.split('\n')
    if (/:\d+$/.test(lines[0])) return lines
  }
}
