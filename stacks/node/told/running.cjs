// A program that runs in a child of this process, and what it says of itself (child.cjs).

'use strict'

const { spawn } = require('node:child_process')
const { readFileSync } = require('node:fs')
const { relative, resolve } = require('node:path')

const project = process.env.PREVIEWD_PROJECT ?? process.cwd()
/** How long a program has between SIGTERM and SIGKILL, how long it may take to listen, and to answer a question. */
const GRACE_MS = 2000
const LISTEN_TIMEOUT_MS = 15_000
const ANSWER_TIMEOUT_MS = 1000
/** How long it is waited for the answers that are on their way. Those of streams never end. */
const DRAIN_MS = 1000

/** A file of the project's own that is run. */
const OWN = /^(?!\.\.\/|.*\bnode_modules\/).*\.[cm]?[jt]sx?$/
/** Programs that go on when one of those that they run has ended, and start none of them again by themselves. */
const RUNNERS = /(?:^|\/)(?:conc|concurrently|npm-run-all2?|run-p|run-pty|turbo|nodemon)(?:\.[cm]?js)?$/
/** How far above this process such a one may be. */
const MOST_ABOVE = 8

class Running {
  /** `ended` is called with the exit code when a program ends that nobody has replaced, and the failure that it had. */
  constructor(ended) {
    this.ended = ended
    this.child = undefined
    /** Its file, from the project's folder. */
    this.name = undefined
    /** How often it was started. */
    this.started = 0
    /** How often the program has begun to listen, and the one before it had. */
    this.listening = 0
    this.before = 0
    /** What ended the program before it listened. */
    this.failure = undefined
    /** Who waits for the next word of the child, or its end. */
    this.heard = () => {}
  }

  /** Starts a program in a child that says what it does. */
  start(command, words, options = {}) {
    this.before = this.listening
    this.listening = 0
    this.failure = undefined
    const own = spawn(command, words, {
      ...options,
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env: { ...(options.env ?? process.env), PREVIEWD_PROGRAM: '1' },
    })
    this.child = own
    this.name = words.map((word) => relative(project, resolve(project, word))).find((word) => OWN.test(word)) ?? command
    this.started += 1
    this.heard({ started: true })
    own.on('error', () => {})
    own.on('message', (message) => {
      if (own !== this.child) return
      if (message?.listening) this.listening += 1
      if (message?.error) this.failure = message.error
      this.heard(message)
    })
    own.on('exit', (code, signal) => {
      if (own !== this.child) return
      this.heard({ ended: code ?? signal })
      this.ended(code ?? 1, signal)
    })
    return own
  }

  /** Waits until the program is there and listens as often as the one before, and returns what ended it instead. */
  async listens() {
    const enough = () => this.listening >= Math.max(this.before, 1)
    const gone = () => this.child && (this.child.exitCode !== null || this.child.signalCode !== null)
    let ended
    if (!enough() && !gone()) {
      await this.next(LISTEN_TIMEOUT_MS, (message) => {
        ended = message.ended
        return 'ended' in message || enough()
      })
    }
    if (gone() || ended !== undefined) this.failure ??= this.left(ended ?? this.child.exitCode ?? this.child.signalCode)
    else if (enough()) this.failure = undefined
    return this.failure
  }

  /** Returns the failure of a program that has ended with a status, or by a signal, and has not said why. */
  left(status) {
    return { message: `${this.name} ended with ${status}`, ended: true }
  }

  /** Waits for a time until the program listens or has ended. */
  async settles(within) {
    if (this.listening > 0 || this.child.exitCode !== null || this.child.signalCode !== null) return
    await this.next(within, (message) => 'listening' in message || 'ended' in message)
  }

  /** Returns whether the program has loaded one of the changed files, or cannot say so. */
  async isStale(changes) {
    if (!this.child?.connected) return true
    this.child.send({ paths: changes.map(({ path }) => path) })
    const message = await this.next(ANSWER_TIMEOUT_MS, (message) => 'stale' in message || 'ended' in message)
    return message?.stale ?? true
  }

  /** Waits for the program's answers that are on their way. */
  async drain() {
    if (!this.child?.connected) return
    this.child.send({ drain: true })
    await this.next(DRAIN_MS, (message) => 'drained' in message || 'ended' in message)
  }

  /** Ends the program. */
  async end() {
    const own = this.child
    if (own.exitCode !== null || own.signalCode !== null) return
    const ended = new Promise((done) => own.once('exit', done))
    exports.end(own)
    await ended
  }

  /** Resolves to the message of the child that is waited for, or to undefined after a time. */
  next(within, isIt) {
    return new Promise((done) => {
      const timer = setTimeout(done, within)
      this.heard = (message) => {
        if (!isIt(message)) return
        clearTimeout(timer)
        done(message)
      }
    })
  }
}

exports.Running = Running

/** Tells a process to end, and sees to it that it does. */
exports.end = (child) => {
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
  child.once('exit', () => clearTimeout(timer))
}

/** Returns whether a program that runs several is above this process. */
exports.hasRunner = () => {
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
