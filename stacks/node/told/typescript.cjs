// TypeScript's compiler where it watches and something starts what it has made (`nest start --watch`, compiled.cjs). It is told
// of changes, compiles what they concern, and the program goes on until that is done: a type error ends nothing.
//
// CommonJS, since it has to be there at once in a program that requires the compiler.

'use strict'

const processes = require('node:child_process')
const { readdirSync, readFileSync } = require('node:fs')
const { dirname, join, relative, resolve, sep } = require('node:path')
const { pathToFileURL } = require('node:url')

const { Running, end } = require('./running.cjs')
const watchers = require('./watchers.cjs')

/** What the compiler says of itself: it begins, it begins again, it has found one error, or so many. */
const BEGINS = new Set([6031, 6032])
const ENDS = new Set([6193, 6194])
/** What is compiled; of other files the program alone knows what it does with them. */
const COMPILED = /\.[cm]?[jt]sx?$/
/** What is read only when whatever starts the compiler starts. */
const CONFIGS = /\/(?:nest-cli\.json|package\.json)$/
/** The longest that a compilation is waited for. */
const COMPILED_TIMEOUT_MS = 25_000

const project = process.env.PREVIEWD_PROJECT ?? process.cwd()

/** @type {Set<Compiler>} */
const live = new Set()
const program = new Running((code) => {
  // What runs the compiler goes on without it, and nobody would know.
  if (!telling) process.exit(code)
})
let telling = false
exports.program = program
/** What ended the program that a change has started. */
let failure

/** Returns a compiler like it, whose watchers are ours. */
exports.tame = (typescript) => {
  if (typeof typescript?.createWatchCompilerHost !== 'function') return typescript
  const createWatchCompilerHost = (...words) => new Compiler(typescript, words).host
  // Its own exports cannot be set.
  return new Proxy(typescript, { get: (it, name) => (name === 'createWatchCompilerHost' ? createWatchCompilerHost : it[name]) })
}

/** Has the programs that Node runs with maps of their sources, which is what Nest starts, say what becomes of them. */
exports.followPrograms = () => {
  const { spawn } = processes
  processes.spawn = function (command, words, options = words) {
    const line = [command, ...(Array.isArray(words) ? words : [])].join(' ')
    if (!/^node .*--enable-source-maps /.test(line)) return spawn.apply(this, arguments)
    // Without a shell where it needs none: what ends then is the program itself.
    if (/^[\w@%+=:,./ -]*$/.test(line)) return program.start('node', line.split(' ').slice(1), { ...options, shell: false })
    return program.start(command, Array.isArray(words) ? words : [], options)
  }
}

/** Ends a process and what it has started. Images need not have the `ps` that Nest would ask. */
exports.endTree = (pid) => {
  const own = program.child
  for (const child of descendants(pid)) kill(child)
  if (own?.pid === pid) end(own)
  else kill(pid)
}

function kill(pid) {
  try {
    process.kill(pid)
  } catch {
    // It has gone.
  }
}

function descendants(pid) {
  const parents = new Map()
  for (const name of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      // The name in parentheses may have spaces in it (proc(5)).
      const [, parent] = readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
      parents.set(Number(name), Number(parent))
    } catch {
      // It has gone.
    }
  }
  const below = (wanted) => [...parents].filter(([, parent]) => parent === wanted).flatMap(([child]) => [child, ...below(child)])
  return below(pid)
}

/** One compiler that watches. */
class Compiler {
  constructor(typescript, words) {
    this.typescript = typescript
    this.files = new Map()
    this.folders = new Set()
    /** How many compilations have ended, which steps towards one are to come, and what the last has refused. */
    this.compiled = 0
    this.steps = new Set()
    this.errors = []
    const { sys, DiagnosticCategory } = typescript
    const [diagnostic, status] = [words[4] ?? typescript.createDiagnosticReporter(sys, true), words[5] ?? typescript.createWatchStatusReporter(sys, true)]
    words[4] = (one, ...rest) => {
      if (one.category === DiagnosticCategory.Error) this.errors.push(one)
      diagnostic(one, ...rest)
    }
    words[5] = (one, ...rest) => {
      if (BEGINS.has(one.code)) this.errors = []
      if (ENDS.has(one.code)) this.compiled += 1
      status(one, ...rest)
      // At the start there is nothing to run then.
      if (ENDS.has(one.code) && this.errors.length > 0 && !telling) process.exit(1)
    }
    this.again = () => status({ category: DiagnosticCategory.Message, code: 6194, messageText: 'Found 0 errors.', file: undefined, start: undefined, length: undefined }, sys.newLine, {}, 0)
    this.host = typescript.createWatchCompilerHost(...words)
    this.host.watchFile = (path, heard) => this.watchFile(resolve(path), heard)
    this.host.watchDirectory = (path, heard, recursive) => this.watchFolder({ path: resolve(path), heard, recursive })
    // What it gathers is there already.
    this.host.setTimeout = (step, _, ...rest) => {
      const own = setTimeout(() => {
        this.steps.delete(own)
        step(...rest)
      })
      this.steps.add(own)
      return own
    }
    this.host.clearTimeout = (own) => {
      clearTimeout(own)
      this.steps.delete(own)
    }
    live.add(this)
    import(pathToFileURL(join(__dirname, 'control.mjs')).href).then(({ listen }) => listen(answer, true))
  }

  watchFile(path, heard) {
    const all = this.files.get(path) ?? new Set()
    this.files.set(path, all.add(heard))
    return { close: () => void all.delete(heard) }
  }

  watchFolder(folder) {
    this.folders.add(folder)
    return { close: () => void this.folders.delete(folder) }
  }

  hear(path, kind) {
    const { Created, Changed, Deleted } = this.typescript.FileWatcherEventKind
    for (const heard of this.files.get(path) ?? []) heard(path, { add: Created, change: Changed, unlink: Deleted }[kind])
    if (kind === 'change') return
    for (const { path: folder, heard, recursive } of this.folders) {
      if (dirname(path) === folder || (recursive && path.startsWith(folder + sep))) heard(path)
    }
  }
}

async function answer({ changes }) {
  telling = true
  try {
    return await shown(changes.map(({ path, kind }) => ({ file: resolve(project, path), kind })))
  } finally {
    telling = false
  }
}

async function shown(files) {
  if (files.some(({ file }) => CONFIGS.test(file))) return { ok: true, strategy: 'process' }
  const [before, runs] = [[...live].map(({ compiled }) => compiled), program.started]
  for (const { file, kind } of files) {
    watchers.emit(kind, file)
    for (const compiler of live) compiler.hear(file, kind)
  }
  const deadline = performance.now() + COMPILED_TIMEOUT_MS
  while ([...live].some(({ steps }) => steps.size > 0) && performance.now() < deadline) await new Promise(setImmediate)
  const error = [...live].flatMap(({ errors }) => errors)[0]
  if (error) return { ok: false, error: described(error) }
  const compiled = [...live].some((compiler, index) => compiler.compiled > before[index])
  const others = files.some(({ file }) => !COMPILED.test(file))
  const asked = files.length === 0
  if (!compiled && (others || (failure && !asked))) for (const compiler of live) compiler.again()
  if (compiled || others || failure || asked) {
    if (!asked && program.started === runs) await program.next(deadline - performance.now(), () => program.started > runs)
    failure = await program.listens()
  }
  return failure ? { ok: false, error: failure } : { ok: true, strategy: compiled || others ? 'restart' : 'hot' }
}

/** Returns an error of the compiler as previewd reports it. */
function described({ file, start, messageText, code }) {
  const text = typeof messageText === 'string' ? messageText : messageText.messageText
  const message = `error TS${code}: ${text}`.slice(0, 1000)
  if (!file) return { message }
  const line = start === undefined ? undefined : file.getLineAndCharacterOfPosition(start).line + 1
  return { message, file: relative(project, resolve(file.fileName)), line }
}
