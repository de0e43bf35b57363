// The Vite servers of this process (Vite 5 to 8), and what they are told: which paths changed, and what the project's own
// tools have written. They have no watcher. Vite's drops a second change within 50 ms, and so a burst ends on old code.

import { EventEmitter, once } from 'node:events'
import { dirname, resolve } from 'node:path'

import { bundled } from '../prebundle.mjs'
import builds from './builds.cjs'
import { check } from './check.mjs'
import { hangUp, listen } from './control.mjs'
import documents from './documents.cjs'
import { described, project } from './errors.mjs'
import listeners from './listeners.cjs'
import native from './native.cjs'
import proxies from './proxies.cjs'
import { follow } from './renderers.mjs'
import tokens from './tokens.cjs'
import { standIn } from './upgrades.mjs'
import watchers from './watchers.cjs'
import { count, signs, toolsHaveWritten, works } from './work.mjs'
import * as writes from './writes.mjs'

/** How long one change may take until Vite's plugins have heard of it. */
const HEARD_TIMEOUT_MS = 2000
/**
 * How long tools are waited for that listen to files that come and go, beside Vite itself: SvelteKit gathers them for
 * 100 ms before it looks again at its routes, and no hook says when it has.
 */
const TOOLS_MS = 120
/** The longest that a framework takes to make its servers anew for another configuration of its own. */
const RESTART_TIMEOUT_MS = 20_000
/** The configurations for which frameworks make their servers anew, which is not Vite's own restart. */
const FRAMEWORK_CONFIGS = /\/astro\.config\.[cm]?[jt]s$/

/** How long after the start of a process a page may connect that has come from the one before. */
const EARLIER_MS = 10_000

/** What loads pages anew. */
const RELOAD = { type: 'full-reload', path: '*' }
const loadAnew = (page) => page.send?.(JSON.stringify(RELOAD))

/** @type {Set<Told>} */
const live = new Set()
/** Servers that are being made or restarted. */
const pending = new Set()
/** Says 'listening' when a server is there for its pages, and 'refused' when one shows an error to them. */
const news = new EventEmitter()
/** When the last change had been told to the servers, in milliseconds of `performance.now()`. */
let changed = 0
/** Whether they are being told of one, and the pages that have connected meanwhile: they may have heard of it or not. */
let telling = false
const late = new Set()

/** Returns a `createServer` like that of a Vite module, whose servers are told of changes. */
export function told(vite) {
  if (vite.createServer.previewd) return vite.createServer
  createServer.previewd = true
  return createServer

  function createServer(inline = {}) {
    const one = new Told(vite)
    const config = { ...inline, plugins: [...(inline.plugins ?? []), one.plugin()] }
    const made = vite.createServer(config).then((server) => one.begin(server))
    pend(made)
    return made
  }
}

function pend(promise) {
  const settled = promise.catch(() => {}).finally(() => pending.delete(settled))
  pending.add(settled)
}

async function noneArePending() {
  while (pending.size > 0) await Promise.all(pending)
}

/** One server, over all its restarts. */
class Told {
  constructor(vite) {
    this.vite = vite
    this.major = Number.parseInt(vite.version, 10)
    /** Messages that Vite logged as errors since the notice began. */
    this.logged = []
    /** What was sent to the pages since the notice began: 'update', 'full-reload' ... */
    this.sent = new Set()
    /** Who waits until the plugins have heard of a change, by file. */
    this.waiting = new Map()
    /** What failed in the last check. */
    this.broken = new Set()
    /** The pages that are connected, with the time at which each was asked for. */
    this.pages = new Map()
    /** Those that were loading when the notice began. */
    this.loading = []
    /** How many restarts are on their way. */
    this.restarting = 0
  }

  begin(server) {
    this.server = server
    this.watchOver()
    live.add(this)
    writes.follow(written)
    documents.follow()
    builds.follow(reloadPages)
    listen(answer, true)
    return server
  }

  /** The plugin that settles what the project's configuration may not decide here, and hears when a change has arrived. */
  plugin() {
    const one = this
    const heard = (file) => void setImmediate(() => one.waiting.get(file)?.())
    const hook = { order: 'post', handler: ({ file }) => heard(file) }
    return {
      name: 'previewd',
      enforce: 'post',
      apply: 'serve',
      configResolved(config) {
        const { server, logger } = config
        if (config.webSocketToken) config.webSocketToken = one.token ??= tokens.next(config.root)
        server.watch = null
        if (server.proxy) proxies.askAgain(server.proxy)
        server.allowedHosts = true
        server.https = undefined
        // The page's own address leads here, whatever port it has outside. Vite 8 keeps the same settings in `ws`.
        if (server.hmr !== false) {
          const { overlay, path, server: own } = typeof server.hmr === 'object' ? server.hmr : {}
          server.hmr = { overlay, path, server: own }
          if (server.middlewareMode && !own) server.hmr.server = standIn(`${config.base}${path ?? ''}`, config.webSocketToken)
        }
        if (server.ws && typeof server.ws === 'object') server.ws = {}
        if (!logger.previewd) {
          const { error } = logger
          logger.error = (message, details) => {
            one.logged.push(details?.error ?? new Error(String(message)))
            error.call(logger, message, details)
          }
          logger.previewd = true
        }
      },
      configureServer(server) {
        server.middlewares.use(proxies.hold(server.config.server.proxy ?? {}))
      },
      resolveId: { order: 'pre', handler: works },
      load: { order: 'pre', handler: works },
      watchChange(file, { event }) {
        if (one.major < 6 && event !== 'update') heard(file)
      },
      ...(this.major < 6 ? { handleHotUpdate: hook } : { hotUpdate: hook }),
    }
  }

  get root() {
    return this.server.config.root
  }

  /** Whether pages come from this server: frameworks make others, to compile something of their own. */
  get hasPages() {
    const { server } = this.server.config
    return Boolean(this.server.httpServer) || (Boolean(server.middlewareMode) && server.hmr !== false && server.ws !== false)
  }

  /** Returns its environments by name; in Vite 5, two that stand for them. */
  get environments() {
    const { server } = this
    if (server.environments) return Object.entries(server.environments).map(([name, it]) => ({ name, graph: it.moduleGraph, transform: (url) => it.transformRequest(url) }))
    const graph = server.moduleGraph
    return [
      { name: 'client', graph, transform: (url) => server.transformRequest(url) },
      { name: 'ssr', graph, ssr: true, transform: (url) => server.transformRequest(url, { ssr: true }) },
    ]
  }

  /** Returns the environments in which pages are rendered; none in Vite 5, which has no such. */
  get renderers() {
    return Object.values(this.server.environments ?? {}).slice(1)
  }

  /** Notes what the server sends to the pages and whether a plugin restarts it. Again after each restart, which replaces all. */
  watchOver() {
    const { server, sent } = this
    const refused = (error) => {
      this.refusal = Object.assign(new Error(error?.message), error)
      this.logged.push(this.refusal)
      news.emit('refused')
    }
    const environments = Object.values(server.environments ?? {})
    for (const maker of server.environments ? environments : [server]) count(maker)
    this.renderers.forEach(follow)
    for (const channel of new Set([server.ws, server.hot, ...environments.map(({ hot }) => hot)])) {
      if (!channel?.send || channel.send.previewd) continue
      const send = channel.send
      channel.send = function (...payload) {
        const type = typeof payload[0] === 'string' ? payload[0] : payload[0]?.type
        sent.add(type)
        if (payload[0]?.type === 'error') refused(payload[0].err)
        if (type === builds.TOLD) builds.tell(payload[1])
        return send.apply(this, payload)
      }
      channel.send.previewd = true
    }
    if (server.ws?.on && !server.ws.previewd) {
      server.ws.previewd = true
      // A page that was asked for before the last change, and is connected only now, may have the code before.
      server.ws.on('connection', (page) => {
        const asked = documents.opened() ?? performance.now()
        const isEarlier = !documents.isOwn() && asked < EARLIER_MS
        if (telling) late.add(page)
        else if (asked < changed || isEarlier) loadAnew(page)
        this.pages.set(page, asked)
        page.on?.('close', () => this.pages.delete(page))
      })
    }
    this.around('listen', async (open) => {
      const opened = await open()
      news.emit('listening')
      return opened
    })
    this.around('close', (close) => {
      // A restart closes what was there and goes on as the same.
      if (this.restarting === 0) live.delete(this)
      if (live.size === 0) hangUp()
      return close()
    })
    this.around('restart', (restart) => {
      this.restarting += 1
      const running = Promise.resolve(restart()).finally(() => {
        this.restarting -= 1
        this.watchOver()
      })
      pend(running)
      return running
    })
  }

  /** Puts a function around a method of the server. */
  around(name, instead) {
    const { server } = this
    const real = server[name]
    if (real.previewd) return
    server[name] = (...words) => instead(() => real.apply(server, words))
    server[name].previewd = true
  }

  /** Returns where it passes requests on to. */
  passesOnTo() {
    return Object.values(this.server.config.server.proxy ?? {}).map((rule) => rule?.target ?? rule)
  }

  /** Begins a notice: forgets what was before it, and remembers what it may make stale. */
  prepare(files) {
    this.logged.length = 0
    this.sent.clear()
    this.watchOver()
    this.before = this.server.config
    this.loading = [...this.pages].filter(([, asked]) => documents.loads(asked)).map(([page]) => page)
    // Vite only renews the time stamps in these, and goes on serving an import of what is gone.
    const gone = files.filter(({ kind }) => kind === 'unlink').map(({ file }) => file)
    this.orphans = this.environments.flatMap(({ graph }) => gone.flatMap((file) => importers(graph, file).map((module) => ({ graph, module }))))
  }

  /** Tells of changes. Returns whether tools beside Vite may have something to write now. */
  async tell(files) {
    if (files.some(({ file }) => this.configures(file))) {
      await this.server.restart()
      return false
    }
    if (this.hasPages && files.some(({ file }) => FRAMEWORK_CONFIGS.test(file))) {
      const over = AbortSignal.timeout(RESTART_TIMEOUT_MS)
      const made = Promise.race([once(news, 'listening', { signal: over }), once(news, 'refused', { signal: over })])
      for (const { file, kind } of files) this.emit(kind, file)
      await made
      return false
    }
    const comeOrGo = files.some(({ kind }) => kind !== 'change')
    const tools = comeOrGo && (this.server.watcher.listenerCount('add') > 1 || this.server.watcher.listenerCount('all') > 0)
    await Promise.all(files.map(({ file, kind }) => this.announce(file, kind)))
    for (const { graph, module } of this.orphans) graph.invalidateModule(module)
    return tools
  }

  /** Tells of one change and waits until the plugins have heard of it. */
  async announce(file, kind) {
    // A file that was there already, such as one that a plugin wrote: its module has to go stale too.
    const known = kind === 'add' && this.environments.some(({ graph }) => (graph.getModulesByFile(file)?.size ?? 0) > 0)
    for (const event of known ? ['add', 'change'] : [kind]) {
      const arrived = this.hasPages && this.server.config.server.hmr !== false ? this.arrival(file) : undefined
      this.emit(event, file)
      await arrived
      // What follows the plugins' hooks: the messages to the pages.
      await new Promise(setImmediate)
    }
  }

  emit(event, file) {
    // Another object after each restart.
    const { watcher } = this.server
    listeners.tell(watcher, event, file)
    listeners.tell(watcher, 'all', event, file)
  }

  /** Resolves once the plugins have heard of a file in each environment. */
  arrival(file) {
    let left = Object.keys(this.server.environments ?? { client: true }).length
    return new Promise((done) => {
      const timer = setTimeout(done, HEARD_TIMEOUT_MS)
      this.waiting.set(file, () => {
        left -= 1
        if (left <= 0) {
          clearTimeout(timer)
          done()
        }
      })
    }).then(() => this.waiting.delete(file))
  }

  /** Returns whether a file is read only when Vite starts. */
  configures(file) {
    if (!this.hasPages) return false
    const { config } = this.server
    const environment = config.envDir && dirname(file) === this.normal(resolve(config.envDir))
    const mode = [`.env`, `.env.local`, `.env.${config.mode}`, `.env.${config.mode}.local`]
    return (
      file === config.configFile ||
      config.configFileDependencies?.includes(file) ||
      (environment && mode.includes(file.slice(file.lastIndexOf('/') + 1))) ||
      /\/(postcss|tailwind|svelte)\.config\.[cm]?[jt]s$|\/\.postcssrc[^/]*$/.test(file)
    )
  }

  /** Returns whether another server is needed for a file, of Vite's or of the framework's making. */
  decides(file) {
    return this.configures(file) || FRAMEWORK_CONFIGS.test(file)
  }

  /** Says to the pages what nobody else does, and returns how the change shows. */
  shows(files) {
    const { server } = this
    if (server.config !== this.before) return 'restart'
    // What the server has rendered of the code before is not mended by modules that were loaded after it. Some frameworks
    // (SolidStart) have one server for pages and another that renders them.
    const renders = [...live].some(({ environments }) => environments.slice(1).some(({ graph }) => graph.idToModuleMap?.size > 0))
    if (renders && files.length > 0) for (const page of this.loading) loadAnew(page)
    if (server.config.server.hmr === false || this.sent.has('full-reload')) return 'full'
    const { publicDir } = server.config
    const isPublic = ({ file }) => Boolean(publicDir) && file.startsWith(`${this.normal(publicDir)}/`)
    // What only the server's side of the app has: its page is made anew at the next request.
    const rendered = ({ file }) => {
      const [client, ...others] = this.environments
      return !client.graph.getModulesByFile(file)?.size && others.some(({ graph }) => graph.getModulesByFile(file)?.size)
    }
    if (files.some(isPublic) || (this.sent.size === 0 && files.some(rendered))) {
      server.ws.send(RELOAD)
      return 'full'
    }
    return 'hot'
  }

  normal(path) {
    return this.vite.normalizePath(path)
  }
}

/** Returns the modules that import a file. */
function importers(graph, file) {
  const modules = [...(graph.getModulesByFile(file) ?? [])]
  return modules.flatMap((module) => [...module.importers]).filter((module) => module.file)
}

/** Loads the pages of every server anew. */
function reloadPages() {
  for (const { server, hasPages } of live) if (hasPages) server.ws.send(RELOAD)
}

/** Tells every server what a tool of the project has written, as a watcher would. */
function written(kind, file) {
  watchers.emit(kind, file)
  for (const one of live) {
    const path = one.normal(file)
    const known = one.environments.some(({ graph }) => (graph.getModulesByFile(path)?.size ?? 0) > 0)
    one.emit(kind, path)
    if (kind === 'add' && known) one.emit('change', path)
  }
}

async function answer({ changes }) {
  let root = project
  telling = changes.length > 0
  try {
    const [begun, before] = [[...live], signs()]
    if (changes.some(({ path }) => needsNewProcess(resolve(project, path)))) return { ok: true, strategy: 'process' }
    for (const one of begun) one.prepare(filesOf(one, changes))
    const told = changes.map(({ path, kind }) => watchers.emit(kind, resolve(project, path)))
    const compiled = builds.any()
    const tools = compiled ? [] : await Promise.all(begun.map((one) => one.tell(filesOf(one, changes))))
    if (compiled) await builds.emit(changes.map(({ path, kind }) => ({ file: resolve(project, path), kind })))
    if (changes.length > 0) changed = performance.now()
    else await proxies.listen(begun.filter((one) => one.hasPages).flatMap((one) => one.passesOnTo()))
    const comeOrGo = changes.some(({ kind }) => kind !== 'change')
    if ([...told, ...tools].includes(true)) await toolsHaveWritten(before, comeOrGo ? TOOLS_MS : 0)
    await noneArePending()
    let shown = 'hot'
    const packages = []
    for (const one of [...live].filter((one) => one.hasPages)) {
      root = one.root
      const files = filesOf(one, changes)
      if (!begun.includes(one)) one.prepare([])
      const refused = begun.includes(one) && files.some(({ file }) => one.decides(file)) && one.server.config === one.before
      if (refused) return { ok: false, error: described(one.logged[0] ?? new Error('Vite did not restart'), root) }
      // What the compiler has refused stays so until it compiles again.
      if (compiled && changes.length > 0 && !one.sent.has('error')) one.refusal = undefined
      if (compiled && one.refusal) return { ok: false, error: described(one.refusal, process.cwd()) }
      if (one.sent.has(builds.TOLD)) await builds.fetched(one.pages.size)
      const error = await check(one, files, one.server.config !== one.before)
      if (error) return { ok: false, error: described(error, root) }
      if (changes.length === 0) packages.push(...bundled(one.server.config))
      const now = begun.includes(one) ? one.shows(files) : 'restart'
      if (now === 'restart' || (now === 'full' && shown === 'hot')) shown = now
    }
    return { ok: true, strategy: shown, packages }
  } catch (error) {
    return { ok: false, error: described(error, root) }
  } finally {
    telling = false
    for (const page of late) loadAnew(page)
    late.clear()
  }
}

/** Returns whether a file was loaded by Node itself and is no server's to load anew. */
function needsNewProcess(file) {
  const isServers = (one) => one.decides(one.normal(file)) || one.environments.some(({ graph }) => graph.getModulesByFile(one.normal(file))?.size)
  return builds.decides(file) || native.stays(file) || (native.has(file) && ![...live].some(isServers))
}

function filesOf(one, changes) {
  return changes.map(({ path, kind }) => ({ file: one.normal(resolve(project, path)), kind }))
}
