// A program of the project's own that a script runs beside the development server: a change to one of its files starts it
// anew, and nothing else. In its place stands this process, which has the program as its child: what runs the script, such as
// `concurrently`, sees it go on.

'use strict'

const { execFile } = require('node:child_process')
const { join, resolve } = require('node:path')
const { pathToFileURL } = require('node:url')

const { Running } = require('./running.cjs')

/** How long Node may take to read a file that may be the one at fault. */
const READ_TIMEOUT_MS = 5000

const project = process.env.PREVIEWD_PROJECT ?? process.cwd()

const program = new Running((code) => {
  if (!replacing && !failure) process.exit(code)
})
/** What ended the program that a change has started. */
let failure
let replacing = false

/** Runs the program of this process in a child, and answers for it. */
exports.run = async () => {
  start()
  // A program that does not run is waited for: the next change may mend it.
  setInterval(() => {}, 2 ** 30)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => program.child.kill(signal))
  const { listen } = await import(pathToFileURL(join(__dirname, 'control.mjs')).href)
  listen(answer)
}

function start() {
  program.start(process.execPath, [...process.execArgv, ...process.argv.slice(1)])
}

async function answer({ changes }) {
  if (changes.length > 0 && (failure || (await program.isStale(changes)))) {
    replacing = true
    await program.end()
    start()
    failure = await program.listens()
    replacing = false
    if (failure && !failure.file) Object.assign(failure, await unreadable(changes))
  }
  return failure ? { ok: false, error: failure } : { ok: true, strategy: 'full' }
}

/** Returns the place in the first changed file that Node cannot read: the error of an ES module does not know it. */
async function unreadable(changes) {
  for (const { path } of changes.filter(({ path }) => /\.[cm]?js$/.test(path))) {
    const said = await new Promise((done) => {
      execFile(process.execPath, ['--check', resolve(project, path)], { env: {}, timeout: READ_TIMEOUT_MS }, (error, _, text) => done(error ? text : ''))
    })
    const line = /:(\d+)$/m.exec(said.split('\n')[0])?.[1]
    if (line) return { file: path, line: Number(line) }
  }
  return {}
}
