// A program of the project's own that a script runs beside the development server: a change to one of its files starts it
// anew, and nothing else. In its place stands this process, which has the program as its child: what runs the script, such as
// `concurrently`, sees it go on.

'use strict'

const { execFile, spawn } = require('node:child_process')
const { join, resolve } = require('node:path')
const { pathToFileURL } = require('node:url')

/** How long the program has between SIGTERM and SIGKILL, how long it may take to listen again, and to answer a question. */
const GRACE_MS = 2000
const LISTEN_TIMEOUT_MS = 15_000
const ANSWER_TIMEOUT_MS = 1000
/** How long Node may take to read a file that may be the one at fault. */
const READ_TIMEOUT_MS = 5000

const project = process.env.PREVIEWD_PROJECT ?? process.cwd()

let child
let listening = 0
/** Who waits for the next word of the child, or its end. */
let heard = () => {}
/** What ended the program that a change has started. */
let failure
let replacing = false

/** Runs the program of this process in a child, and answers for it. */
exports.run = async () => {
  start()
  // A program that does not run is waited for: the next change may mend it.
  setInterval(() => {}, 2 ** 30)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  const { listen } = await import(pathToFileURL(join(__dirname, 'control.mjs')).href)
  listen(answer)
}

function start() {
  listening = 0
  const own = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, PREVIEWD_PROGRAM: '1' },
  })
  child = own
  own.on('error', () => {})
  own.on('message', (message) => {
    if (message?.listening) listening += 1
    heard(message)
  })
  own.on('exit', (code, signal) => {
    heard({ ended: code ?? signal })
    if (own === child && !replacing && !failure) process.exit(code ?? 1)
  })
}

async function answer({ changes }) {
  if (changes.length === 0 || (!failure && !(await isStale(changes)))) return answered()
  const before = listening
  replacing = true
  await end()
  failure = undefined
  start()
  await next(LISTEN_TIMEOUT_MS, (message) => {
    if (message.error) failure = message.error
    if ('ended' in message) failure ??= { message: `it ended with ${message.ended}` }
    return 'ended' in message || listening >= Math.max(before, 1)
  })
  replacing = false
  if (failure && !failure.file) Object.assign(failure, await unreadable(changes))
  return answered()
}

function answered() {
  return failure ? { ok: false, error: failure } : { ok: true, strategy: 'full' }
}

async function isStale(changes) {
  if (!child.connected) return true
  child.send({ paths: changes.map(({ path }) => path) })
  const message = await next(ANSWER_TIMEOUT_MS, (message) => 'stale' in message || 'ended' in message)
  return message?.stale ?? true
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

async function end() {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = next(GRACE_MS * 2, (message) => 'ended' in message)
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
  await ended
  clearTimeout(timer)
}

/** Resolves to the message of the child that is waited for, or to undefined after a time. */
function next(within, isIt) {
  return new Promise((done) => {
    const timer = setTimeout(done, within)
    heard = (message) => {
      if (!isIt(message)) return
      clearTimeout(timer)
      done(message)
    }
  })
}
