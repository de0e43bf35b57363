// Serves a project with its own Vite (5 to 8), without a watcher: previewd knows which paths changed and says so over
// the control socket. Vite's own watcher drops a second change within 50 ms, and so a burst ends on old code.
//
//   node vite.mjs --port <n> [--root <folder>] [--config <file>] [--mode <mode>] [--base <path>] [--force]
//
// Control: one JSON object per line.
//   in   {"revision":"<id>","changes":[{"path":"src/App.jsx","kind":"add|change|unlink"}]}
//   out  {"ok":true,"strategy":"hot|full|restart"}
//        {"ok":false,"error":{"message":"...","file":"src/App.jsx","line":3}}
// An answer means that the next fetch gets the new code, and that what the pages load is without errors. The first one,
// with no changes, comes before anybody may see a page.

import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'

const options = readOptions(process.argv.slice(2))
const folder = process.cwd()
const project = process.env.PREVIEWD_PROJECT ?? folder
const root = resolve(folder, options.root ?? '.')

/** How long one change may take until Vite's plugins have heard of it. */
const HEARD_TIMEOUT_MS = 2000
/** How long SvelteKit takes until it looks again at its routes when a file came or went: 100 ms, and some to do it. */
const KIT_ROUTES_MS = 120
/** The most modules that are transformed to find errors after one notice, and the longest that may take. */
const MAX_CHECKED = 400
const CHECK_MS = 5000
/** The most pages at the root whose scripts are looked at. */
const MAX_PAGES = 20

/** Messages that Vite logged as errors since the notice began. */
let logged = []
/** What was sent to the pages since the notice began: 'update', 'full-reload' ... */
let sent = new Set()
/** Resolvers by file that wait until the plugins have heard of a change. */
const waiting = new Map()
/** Restarts that a plugin has begun. */
const restarts = new Set()
/** The addresses of the scripts that the pages load; undefined when they have to be read anew. */
let scripts

const vite = await import(viteUrl())
const major = Number.parseInt(vite.version, 10)
const server = await vite.createServer(inlineConfig())
watchOver(server)
await server.listen()
server.printUrls()
if (process.env.PREVIEWD_CONTROL) control(process.env.PREVIEWD_CONTROL)

function readOptions(words) {
  const options = {}
  while (words.length > 0) {
    const name = words.shift().replace(/^--/, '')
    options[name] = name === 'force' ? true : words.shift()
  }
  return options
}

/** Finds the Vite of the project, as Node would, whatever its manifest exports. */
function viteUrl() {
  for (const from of [root, folder]) {
    try {
      const manifest = createRequire(join(from, 'package.json')).resolve('vite/package.json')
      const entry = join(dirname(manifest), 'dist', 'node', 'index.js')
      if (existsSync(entry)) return pathToFileURL(entry).href
    } catch {
      // Not from here.
    }
  }
  console.error("Error: Cannot find module 'vite': it is not among the installed dependencies")
  process.exit(1)
}

function inlineConfig() {
  const logger = vite.createLogger('info', { allowClearScreen: false })
  const error = logger.error
  logger.error = (message, details) => {
    logged.push(details?.error ?? new Error(String(message)))
    error(message, details)
  }
  return {
    root,
    configFile: options.config && resolve(folder, options.config),
    mode: options.mode,
    base: options.base,
    clearScreen: false,
    customLogger: logger,
    optimizeDeps: options.force ? { force: true } : undefined,
    server: { host: '0.0.0.0', port: Number(options.port), strictPort: true, open: false },
    plugins: [previewd()],
  }
}

/** The plugin that settles what the project's configuration may not decide here, and hears when a change has arrived. */
function previewd() {
  const heard = (file) => {
    for (const done of waiting.get(file) ?? []) done()
    waiting.delete(file)
  }
  return {
    name: 'previewd',
    enforce: 'post',
    apply: 'serve',
    configResolved(config) {
      config.server.watch = null
      config.server.allowedHosts = true
      config.server.https = undefined
      // The page's own address leads here, whatever port it has outside. Vite 8 keeps the same settings in `ws`.
      if (config.server.hmr && typeof config.server.hmr === 'object') {
        config.server.hmr = { overlay: config.server.hmr.overlay }
      }
      if (config.server.ws && typeof config.server.ws === 'object') config.server.ws = {}
    },
    watchChange(file, { event }) {
      if (major < 6 && event !== 'update') setImmediate(heard, file)
    },
    ...(major < 6
      ? { handleHotUpdate: { order: 'post', handler: ({ file }) => void setImmediate(heard, file) } }
      : { hotUpdate: { order: 'post', handler: ({ file }) => void setImmediate(heard, file) } }),
  }
}

/** Notes what a server sends to the pages and whether a plugin restarts it. Again after each restart, which replaces all. */
function watchOver(server) {
  for (const channel of new Set([server.ws, server.hot, server.environments?.client?.hot])) {
    if (!channel || channel.send?.previewd) continue
    const send = channel.send
    channel.send = function (...payload) {
      sent.add(typeof payload[0] === 'string' ? 'custom' : payload[0]?.type)
      return send.apply(this, payload)
    }
    channel.send.previewd = true
  }
  if (!server.restart.previewd) {
    const restart = server.restart
    server.restart = function (...words) {
      const running = Promise.resolve(restart.apply(this, words)).finally(() => restarts.delete(running))
      restarts.add(running)
      return running
    }
    server.restart.previewd = true
  }
}

/** Answers notices one after another. Connects again when the other side went away. */
function control(path) {
  const socket = connect(path)
  let buffer = ''
  let queue = Promise.resolve()
  socket.setEncoding('utf8')
  socket.on('data', (text) => {
    buffer += text
    const lines = buffer.split('\n')
    buffer = lines.pop()
    for (const line of lines) {
      queue = queue.then(async () => socket.write(`${JSON.stringify(await answer(line))}\n`))
    }
  })
  socket.on('error', () => {})
  socket.on('close', () => setTimeout(control, 100, path).unref())
}

async function answer(line) {
  try {
    return await apply(JSON.parse(line).changes)
  } catch (error) {
    return { ok: false, error: described(error) }
  }
}

/** Brings changes into the server and says what it came to. */
async function apply(changes) {
  logged = []
  sent = new Set()
  watchOver(server)
  const before = server.config
  const files = changes.map(({ path, kind }) => ({ file: normal(resolve(project, path)), kind }))
  const orphans = files.flatMap(({ file, kind }) => (kind === 'unlink' ? importers(file) : []))
  if (files.some(({ file }) => configures(file))) {
    await server.restart()
  } else {
    const routes = files.some(({ kind }) => kind !== 'change') && kitFiles()
    await Promise.all(files.map(({ file, kind }) => announce(file, kind)))
    if (routes) await kitRoutes(routes)
  }
  // Vite only renews the time stamps in these, and goes on serving an import of what is gone.
  for (const module of orphans) graph().invalidateModule(module)
  while (restarts.size > 0) await Promise.all(restarts)
  const restarted = server.config !== before
  if (!restarted && files.some(({ file }) => configures(file))) {
    return { ok: false, error: described(logged[0] ?? new Error('Vite did not restart')) }
  }
  if (restarted || files.some(({ file }) => file.endsWith('.html'))) scripts = undefined
  const error = await check(files.map(({ file }) => file))
  if (error) return { ok: false, error: described(error) }
  if (restarted) return { ok: true, strategy: 'restart' }
  if (server.config.server.hmr === false) return { ok: true, strategy: 'full' }
  if (sent.has('full-reload')) return { ok: true, strategy: 'full' }
  if (files.some(({ file }) => isPublic(file))) {
    // Vite says nothing of these, since no module imports them.
    server.ws.send({ type: 'full-reload', path: '*' })
    return { ok: true, strategy: 'full' }
  }
  return { ok: true, strategy: 'hot' }
}

/** Returns whether a file is read only when Vite starts. */
function configures(file) {
  const { config } = server
  const environment = config.envDir && dirname(file) === normal(resolve(config.envDir))
  const mode = [`.env`, `.env.local`, `.env.${config.mode}`, `.env.${config.mode}.local`]
  return (
    file === config.configFile ||
    config.configFileDependencies.includes(file) ||
    (environment && mode.includes(file.slice(file.lastIndexOf('/') + 1))) ||
    /\/(postcss|tailwind|svelte)\.config\.[cm]?[jt]s$|\/\.postcssrc[^/]*$/.test(file)
  )
}

function isPublic(file) {
  const { publicDir } = server.config
  return Boolean(publicDir) && file.startsWith(`${normal(publicDir)}/`)
}

/** Tells Vite of one change and waits until its plugins have heard of it. */
async function announce(file, kind) {
  // A file that was there already, such as one that a plugin wrote: its module has to go stale too.
  const known = kind === 'add' && (graph().getModulesByFile(file)?.size ?? 0) > 0
  for (const event of known ? ['add', 'change'] : [kind]) {
    let done
    const arrived = new Promise((resolve) => {
      done = resolve
    })
    waiting.set(file, [...(waiting.get(file) ?? []), done])
    const timer = setTimeout(done, server.config.server.hmr === false ? 50 : HEARD_TIMEOUT_MS)
    server.watcher.emit(event, file)
    server.watcher.emit('all', event, file)
    await arrived
    clearTimeout(timer)
    // What follows the plugins' hooks: the messages to the pages.
    await new Promise(setImmediate)
  }
}

/** Returns the modules' files that SvelteKit has generated, with their times; undefined in other projects. */
function kitFiles() {
  if (!server.config.plugins.some(({ name }) => name.startsWith('vite-plugin-sveltekit'))) return undefined
  const files = [...graph().fileToModulesMap.keys()].filter((file) => file.includes('/.svelte-kit/generated/'))
  return new Map(files.map((file) => [file, modified(file)]))
}

/**
 * Waits until SvelteKit has its new list of routes. It gathers files that come and go for a while before it makes one, and
 * no hook says when: until then, a new page is not found. It then writes what its client is told of the routes, and relies
 * on Vite's watcher to hear of that.
 */
async function kitRoutes(before) {
  await new Promise((resolve) => setTimeout(resolve, KIT_ROUTES_MS))
  const written = [...before.keys()].filter((file) => modified(file) !== before.get(file))
  await Promise.all(written.map((file) => announce(file, 'change')))
}

function modified(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs
}

function graph() {
  return server.environments?.client?.moduleGraph ?? server.moduleGraph
}

function transform(url) {
  return server.environments?.client ? server.environments.client.transformRequest(url) : server.transformRequest(url)
}

/** Returns the modules that import a file. */
function importers(file) {
  const modules = [...(graph().getModulesByFile(file) ?? [])]
  return modules.flatMap((module) => [...module.importers]).filter((module) => module.file)
}

/**
 * Transforms what the pages load and is stale. Returns the first error. What no page leads to any more may stay broken:
 * nobody sees it.
 */
async function check(changed) {
  let first
  let count = 0
  const until = Date.now() + CHECK_MS
  const seen = new Set()
  const entries = await entryModules()
  // Where a framework makes the pages, the modules that changed are all that is known of them.
  const queue = entries.length > 0 ? entries : changed.flatMap(shownModules)
  for (const module of queue) {
    // What no address leads to is only watched, as a style does with every file that Tailwind looks for classes in.
    if (seen.has(module) || !module.id || module.file?.includes('/node_modules/')) continue
    seen.add(module)
    if (!module.transformResult && count < MAX_CHECKED && Date.now() < until) {
      count += 1
      try {
        parse(module, await transform(module.url))
      } catch (error) {
        // Made stale, or moved to other optimised dependencies, while it was transformed: that is no error.
        if (/ERR_(OUTDATED_OPTIMIZED_DEP|OPTIMIZE_DEPS_PROCESSING_ERROR|CLOSED_SERVER)/.test(error?.code)) continue
        first ??= Object.assign(error, { module: module.file })
      }
    }
    // Those that it imports now: a transformation may have added some.
    queue.push(...module.importedModules)
  }
  return first
}

/** Vite looks for no more than imports in plain JavaScript, which may be broken all the same. */
function parse(module, result) {
  if (!vite.parseAst || !result || !/\.m?js$/.test(module.file ?? '')) return
  try {
    vite.parseAst(result.code)
  } catch (error) {
    const line = Number.isInteger(error.pos) ? result.code.slice(0, error.pos).split('\n').length : undefined
    throw Object.assign(new SyntaxError(error.message), { id: module.file, line })
  }
}

/** Returns the modules of a file that others import, or that were asked for by the file's own name. */
function shownModules(file) {
  if (!existsSync(file)) return []
  const modules = [...(graph().getModulesByFile(file) ?? [])]
  return modules.filter((module) => module.importers.size > 0 || !module.url.includes('?'))
}

/** Returns the modules that the pages at the root load. */
async function entryModules() {
  scripts ??= await pageScripts()
  return Promise.all(scripts.map((url) => graph().ensureEntryFromUrl(url)))
}

/** Returns the addresses, below the base, of the module scripts of the pages at the root. */
async function pageScripts() {
  const pages = readdirSync(root).filter((name) => name.endsWith('.html')).slice(0, MAX_PAGES)
  const found = new Set()
  for (const page of pages) {
    const html = await server.transformIndexHtml(`/${page}`, readFileSync(join(root, page), 'utf8'))
    for (const [tag] of html.matchAll(/<script\b[^>]*\btype=["']?module\b[^>]*>/g)) {
      const url = /\bsrc=(?:"([^"]+)"|'([^']+)'|([^\s>]+))/.exec(tag)?.slice(1).find(Boolean)
      if (!url || /^(https?:)?\/\/|@vite\//.test(url)) continue
      const { base } = server.config
      const below = url.startsWith(base) ? url.slice(base.length) : url.replace(/^\.?\//, '')
      found.add(`/${below}`)
    }
  }
  return [...found]
}

function normal(path) {
  return vite.normalizePath(path)
}

/** Returns an error as previewd reports it. */
function described(error) {
  const text = [error.message, error.frame].filter((part) => typeof part === 'string').join('\n').replace(/\u001b\[[0-9;]*m/g, '')
  const place = /([^\s"'`()[\]]+\.[a-z]+):(\d+):\d+/.exec(text)
  const at = /\((\d+):\d+\)/.exec(error.message ?? '')
  // Some of Vite's own plugins put an object there.
  const named = [error.loc?.file, error.id].find((file) => typeof file === 'string')
  const file = named ?? (isHere(place?.[1]) ? place[1] : undefined) ?? error.module
  const line = error.loc?.line ?? error.line ?? place?.[2] ?? at?.[1]
  const lines = text.split('\n').map((line) => line.trim()).filter(Boolean)
  // "Transform failed with 1 error:" says nothing; what follows does.
  const message = /error(\(s\)|s)?:$/i.test(lines[0] ?? '') && lines[1] ? lines[1] : (lines[0] ?? 'an error without a message')
  return { message: shortened(message), file: file && shortened(file), line: line ? Number(line) : undefined }
}

function isHere(path) {
  return path !== undefined && existsSync(isAbsolute(path) ? path : join(root, path))
}

/** Takes the project's folder and queries off the paths of a text. */
function shortened(text) {
  const prefix = project.endsWith(sep) ? project : project + sep
  const inside = text.replaceAll(`file://${prefix}`, '').replaceAll(prefix, '').replace(/(\.[a-z]+)\?[^\s"']*/g, '$1')
  // Rolldown and esbuild name files from the root that Vite serves.
  const below = relative(project, root)
  return below && inside === text && !isAbsolute(text) && existsSync(join(root, text)) ? join(below, text) : inside
}
