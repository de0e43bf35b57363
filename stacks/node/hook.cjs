// Loaded before everything else in each Node process of a preview whose development server is told of changes
// (NODE_OPTIONS=--require). It may run in npm, in `concurrently` or in a compiler as well: it does no more than to note
// whom it may concern.

'use strict'

require('./told/turbo.cjs')

const { basename, join } = require('node:path')
const { pathToFileURL } = require('node:url')
const loader = require('node:module')
const { isMainThread } = require('node:worker_threads')

const { isChokidar } = require('./told/watchers.cjs')

/** Programs that only start others. */
const STARTERS = new Set([
  'npm',
  'npm-cli.js',
  'npx',
  'npx-cli.js',
  'pnpm',
  'pnpm.cjs',
  'yarn',
  'yarn.js',
  'concurrently',
  'concurrently.js',
  'npm-run-all',
  'run-p',
  'run-s',
  'turbo',
  'cross-env',
  'dotenv',
])
/** The watcher of Angular's compiler, as it is required. */
const ANGULARS = /\/tools\/esbuild\/watcher$/
const PROXIES = 'http-proxy-middleware'
const BUNDLERS = new Set(['webpack', '@rspack/core'])
const TYPESCRIPT = /(?:^|\/)typescript(?:\/lib\/typescript(?:\.js)?)?$/
/** Nest's command line, which compiles and starts what it has made, and how that ends what it has started. */
const NEST = /\/(?:@nestjs\/cli\/bin\/nest\.js|\.bin\/nest)$/
const NESTS_END = /\/tree-kill$/
/** A nodemon that runs a program of the project's own with Node: beside.cjs sees to that. */
const NODEMON = /\/(?:nodemon\/bin\/nodemon\.js|\.bin\/nodemon)$/
const isIdle = ([, program, ...words]) =>
  NODEMON.test(program ?? '') && words.some((word) => /\.[cm]?js$/.test(word)) && !words.some((word) => /^(?:-x|--exec)\b/.test(word))
const ELEVENTY = /\/(?:@11ty\/eleventy\/cmd\.[cm]?js|\.bin\/eleventy)$/

if (process.env.PREVIEWD_CONTROL && !STARTERS.has(basename(process.argv[1] ?? ''))) {
  const idle = process.env.PREVIEWD_BESIDE && isIdle(process.argv)
  const nest = NEST.test(process.argv[1] ?? '')
  if (nest) require('./told/typescript.cjs').followPrograms()
  const load = loader._load
  loader._load = function (request, ...words) {
    const loaded = load.call(this, request, ...words)
    if (isChokidar(request)) return require('./told/watchers.cjs').tame(loaded, idle)
    if (request === PROXIES) return require('./told/proxies.cjs').tame(loaded)
    if (BUNDLERS.has(request)) return require('./told/webpack.cjs').tame(loaded)
    if (nest && TYPESCRIPT.test(request)) return require('./told/typescript.cjs').tame(loaded)
    if (nest && NESTS_END.test(request)) return { ...loaded, treeKillSync: require('./told/typescript.cjs').endTree }
    return ANGULARS.test(request) ? require('./told/builds.cjs').tame(loaded) : loaded
  }
  if (!isMainThread) require('./told/nitro.cjs').follow()
  const native = require('./told/native.cjs')
  const hooks = join(__dirname, 'hooks.cjs')
  if (loader.registerHooks) {
    loader.registerHooks(require(hooks))
  } else if (loader.register && isMainThread) {
    // Node 18 and 20: in a thread of its own, which loads this file too, and deaf to `require`.
    const { port1, port2 } = new MessageChannel()
    native.follow(port1)
    loader.register(pathToFileURL(hooks).href, { data: port2, transferList: [port2] })
  }
  const begin = (name) => import(pathToFileURL(join(__dirname, 'told', name)).href).then((it) => it.begin())
  if (isMainThread && ELEVENTY.test(process.argv[1] ?? '')) begin('eleventy.mjs')
  if (isMainThread && native.runsOwn()) {
    if (process.env.PREVIEWD_PROGRAM) require('./told/child.cjs').begin()
    else if (process.env.PREVIEWD_BESIDE) loader.runMain = require('./told/beside.cjs').run
    else begin('program.mjs')
  }
}
