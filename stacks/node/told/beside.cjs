// A program of the project's own that a script runs beside the development server: a change to one of its files starts it
// anew, and nothing else. In its place stands this process, which has the program as its child: what runs the script, such as
// `concurrently`, sees it go on.

'use strict'

const { execFile } = require('node:child_process')
const { readFileSync } = require('node:fs')
const { join, relative, resolve } = require('node:path')
const { pathToFileURL } = require('node:url')

const { Running } = require('./running.cjs')

/** How long Node may take to read a file that may be the one at fault. */
const READ_TIMEOUT_MS = 5000
/** How long it is waited for a program that listens on no port, or not yet. */
const START_MS = 3000
/** Programs that go on when one of those that they run has ended, and start none of them again by themselves. */
const RUNNERS = /(?:^|\/)(?:conc|concurrently|npm-run-all2?|run-p|run-pty|turbo|nodemon)(?:\.[cm]?js)?$/
/** How far above this process such a one may be. */
const MOST_ABOVE = 8

const project = process.env.PREVIEWD_PROJECT ?? process.cwd()

const program = new Running((code) => {
  if (replacing || failure) return
  if (code === 0 || ending || !hasRunner()) process.exit(code)
  // Nobody else would say so, nor start it again when it is mended.
  failure = program.failure ?? { message: `it ended with ${code}` }
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
  start()
  // A program that does not run is waited for: the next change may mend it.
  setInterval(() => {}, 2 ** 30)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => {
    ending = true
    if (failure) process.exit(1)
    program.child.kill(signal)
  })
  const { listen } = await import(pathToFileURL(join(__dirname, 'control.mjs')).href)
  listen(answer)
}

function start() {
  program.start(process.execPath, [...process.execArgv, ...process.argv.slice(1)])
}

async function answer({ changes }) {
  if (changes.length === 0) await program.settles(START_MS)
  if (changes.length > 0 && (failure || (await program.isStale(changes)))) {
    replacing = true
    await program.end()
    start()
    failure = await program.listens()
    replacing = false
    located = failure && locate(failure, changes.map(({ path }) => path))
  }
  await located
  return failure ? { ok: false, error: failure } : { ok: true, strategy: 'full' }
}

/** Returns whether a program that runs several is above this process. */
function hasRunner() {
  try {
    for (let [pid, above] = [process.ppid, 0]; pid > 1 && above < MOST_ABOVE; above += 1) {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      if (words.slice(0, 2).some((word) => RUNNERS.test(word))) return true
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      pid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    }
  } catch {
    // It has ended meanwhile.
  }
  return false
}

/** Gives a failure that has none the place in the first file that Node cannot read: the error of an ES module does not know it. */
async function locate(failure, paths) {
  if (!failure.file) Object.assign(failure, await unreadable(paths))
}

async function unreadable(paths) {
  for (const path of paths.filter((path) => /\.[cm]?js$/.test(path))) {
    const said = await new Promise((done) => {
      execFile(process.execPath, ['--check', resolve(project, path)], { env: {}, timeout: READ_TIMEOUT_MS }, (error, _, text) => done(error ? text : ''))
    })
    const line = /:(\d+)$/m.exec(said.split('\n')[0])?.[1]
    if (line) return { file: path, line: Number(line) }
  }
  return {}
}
