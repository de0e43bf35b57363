// Whether what the pages load is without errors: what is stale of it is transformed, as a browser's next fetch would have it.

import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** The most modules that are transformed to find errors after one notice, and the longest that may take. */
const MAX_CHECKED = 400
const CHECK_MS = 5000
/** The longest that is waited for the packages that pages import to be bundled. What Vite bundles late has another address,
 * so that what imports it is stale, and all is looked at anew. */
const BUNDLED_MS = 10_000
const MAX_ROUNDS = 3
/** The most pages at the root whose scripts are looked at. */
const MAX_PAGES = 20
/** What is no fault of a module: it was made stale, or moved to other optimised dependencies, while it was transformed. */
const OVERTAKEN = /ERR_(OUTDATED_OPTIMIZED_DEP|OPTIMIZE_DEPS_PROCESSING_ERROR|CLOSED_SERVER)/

/** The addresses of the scripts that the pages of a server load, until they have to be read anew. */
const scripts = new WeakMap()

/** Returns the first error in what the pages of a server load, or undefined. What no page leads to any more may stay
 * broken: nobody sees it. */
export async function check(one, files, restarted) {
  if (restarted || files.some(({ file }) => file.endsWith('.html'))) scripts.delete(one)
  let until
  for (let round = 1; ; round += 1) {
    const { first, modules, packages } = await look(one, files)
    if (first || packages.length === 0) return first
    until ??= Date.now() + BUNDLED_MS
    await bundled(one, packages, until)
    const whole = modules.every(({ transformResult }) => transformResult)
    if (whole || round >= MAX_ROUNDS || Date.now() > until) return undefined
  }
}

/** Returns the first error, the modules that were looked at for a page and the bundled packages that they import. */
async function look(one, files) {
  const until = Date.now() + CHECK_MS
  const entries = await entryModules(one)
  const client = one.environments[0]
  // Where a framework makes the pages, the modules that changed are all that is known of them, and those that were broken.
  const queue = (entries.length > 0 ? entries : await pages(one, files)).map((module) => ({ environment: client, module }))
  if (entries.length === 0) queue.push(...changedModules(one, files))
  one.broken.clear()
  const seen = new Set()
  const packages = []
  let first
  let count = 0
  for (const { environment, module } of queue) {
    const done = environment.ssr ? `ssr ${module.url}` : module
    if (seen.has(done) || !module.id) continue
    seen.add(done)
    if (module.file?.includes('/node_modules/')) {
      if (entries.length > 0 && isBundle(one, module)) packages.push(module)
      continue
    }
    let result = environment.ssr ? module.ssrTransformResult : module.transformResult
    if (!result && count < MAX_CHECKED && Date.now() < until) {
      count += 1
      try {
        result = await environment.transform(module.url)
        parse(one.vite, module, result)
        if (environment !== client) {
          resolved(module, result)
          // What runs there takes a result that is kept for a sign that it has it already.
          environment.graph.invalidateModule(module)
        }
      } catch (error) {
        if (OVERTAKEN.test(error?.code) || (await isLeft(one, environment, module))) continue
        if (module.file) one.broken.add(module.file)
        first ??= Object.assign(error, { module: module.file })
        continue
      }
    }
    if (entries.length > 0) queue.push(...imports(module, result).map((module) => ({ environment, module })))
  }
  const modules = [...seen].filter((it) => it.transformResult !== undefined && !packages.includes(it))
  return { first, modules, packages }
}

function isBundle(one, module) {
  return module.file.startsWith(`${one.normal(one.server.config.cacheDir)}/`)
}

/**
 * Resolves once Vite has bundled the packages that a page imports, and has read them as for a browser. It answers nothing
 * that imports them before, and takes most of the memory and the time of a first page for it.
 */
async function bundled(one, packages, until) {
  const client = one.environments[0]
  const read = packages.filter(({ transformResult }) => !transformResult).map(({ url }) => client.transform(url).catch(() => {}))
  await Promise.race([Promise.all(read), delay(Math.max(0, until - Date.now()), undefined, { ref: false })])
}

/**
 * Returns the modules that a module imports now. Others hang below it that it only watches, as a style does with every file
 * that Tailwind looks for classes in: those need not compile.
 */
function imports(module, result) {
  if (module.type === 'css') return []
  const code = result?.code ?? ''
  return [...module.importedModules].filter(({ url }) => code.includes(url.replace(/^\0/, '')))
}

/** Vite looks for no more than imports in plain JavaScript, which may be broken all the same. */
function parse(vite, module, result) {
  if (!vite.parseAst || !result || !/\.m?js$/.test(module.file ?? '')) return
  try {
    vite.parseAst(result.code)
  } catch (error) {
    const line = Number.isInteger(error.pos) ? result.code.slice(0, error.pos).split('\n').length : undefined
    throw Object.assign(new SyntaxError(error.message), { id: module.file, line })
  }
}

/** What a page is rendered with is only missed when it runs: until then the name stays as the source has it. */
function resolved(module, result) {
  const name = result?.deps?.find((name) => /^\.{1,2}\//.test(name))
  if (!name || !module.file) return
  const source = existsSync(module.file) ? readFileSync(module.file, 'utf8').split('\n') : []
  const line = source.findIndex((line) => line.includes(`'${name}'`) || line.includes(`"${name}"`)) + 1
  throw Object.assign(new Error(`Failed to resolve import "${name}". Does the file exist?`), { id: module.file, line: line || undefined })
}

/** Returns the modules of VitePress' pages that changed, or of the first one: it loads them once somebody looks at them. */
async function pages(one, files) {
  const { plugins, root } = one.server.config
  if (!plugins.some(({ name }) => name === 'vitepress')) return []
  const changed = files.length > 0 ? files.map(({ file }) => file) : [one.normal(join(root, 'index.md'))]
  const within = changed.filter((file) => file.endsWith('.md') && file.startsWith(`${root}/`) && existsSync(file))
  return Promise.all(within.map((file) => one.environments[0].graph.ensureEntryFromUrl(file.slice(root.length))))
}

/**
 * Returns the modules of changed and of broken files that others import, or that were asked for by the file's own name, in
 * each environment that has them.
 */
function changedModules(one, files) {
  const paths = [...new Set([...files.map(({ file }) => file), ...one.broken])].filter((file) => existsSync(file))
  const orphans = one.orphans.map(({ module }) => module.file).filter((file) => !paths.includes(file) && existsSync(file))
  return one.environments.flatMap((environment) =>
    [...paths, ...orphans].flatMap((file) => {
      const modules = [...(environment.graph.getModulesByFile(file) ?? [])]
      const shown = modules.filter((module) => module.importers.size > 0 || !module.url.includes('?'))
      // Vite 5 has one graph for both sides, and says of a module which it was wanted for.
      const wanted = (module) => one.server.environments || Boolean(environment.ssr) === isServers(module)
      return shown.filter(wanted).map((module) => ({ environment, module }))
    }),
  )
}

/** Returns whether a module imports what is gone, and is imported no more itself: a framework's own module of a route that was
 * deleted stays on disk. */
async function isLeft(one, environment, module) {
  if (module.importers.size === 0 || !one.orphans.some((orphan) => orphan.module.file === module.file)) return false
  for (const importer of [...module.importers]) {
    const result = environment.ssr ? importer.ssrTransformResult : importer.transformResult
    // What it imports now is known once it was read again; what is wrong with it is its own fault.
    if (!result) await environment.transform(importer.url).catch(() => {})
  }
  return module.importers.size === 0
}

function isServers(module) {
  return Boolean(module.ssrModule ?? module.ssrError)
}

/** Returns the modules that the pages at the root load. */
async function entryModules(one) {
  if (!scripts.has(one)) scripts.set(one, await pageScripts(one.server))
  return Promise.all(scripts.get(one).map((url) => one.environments[0].graph.ensureEntryFromUrl(url)))
}

/** Returns the addresses, below the base, of the module scripts of the pages at the root. */
async function pageScripts(server) {
  const { root, base, appType } = server.config
  // A framework that answers by itself has no such pages, whatever lies there.
  if (appType === 'custom') return []
  const pages = readdirSync(root).filter((name) => name.endsWith('.html')).slice(0, MAX_PAGES)
  const found = new Set()
  for (const page of pages) {
    const html = await server.transformIndexHtml(`/${page}`, readFileSync(join(root, page), 'utf8'))
    for (const [tag] of html.matchAll(/<script\b[^>]*\btype=["']?module\b[^>]*>/g)) {
      const url = /\bsrc=(?:"([^"]+)"|'([^']+)'|([^\s>]+))/.exec(tag)?.slice(1).find(Boolean)
      if (!url || /^(https?:)?\/\/|@vite\//.test(url)) continue
      const below = url.startsWith(base) ? url.slice(base.length) : url.replace(/^\.?\//, '')
      // What is no path has its id in its address, as Vite writes it: plugins put such scripts into pages.
      found.add(below.startsWith('@id/') ? below.slice('@id/'.length).replace('__x00__', '\0') : `/${below}`)
    }
  }
  return [...found]
}
