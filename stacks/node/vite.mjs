// Serves a project with its own Vite (5 to 8), as its command line would, but told of changes: see told/servers.mjs.
//
//   node vite.mjs --port <n> [--root <folder>] [--config <file>] [--mode <mode>] [--base <path>] [--force]
//
// With --prebundle=<module|commonjs> it serves nothing, and bundles what PREVIEWD_PACKAGES lists: see prebundle.mjs.

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

import { finish, supply } from './prebundle.mjs'
import { told } from './told/servers.mjs'

const options = readOptions(process.argv.slice(2))
const folder = process.cwd()
const root = resolve(folder, options.root ?? '.')

const packages = options.prebundle && JSON.parse(process.env.PREVIEWD_PACKAGES)
if (packages) supply(root, options.prebundle, packages)
const vite = await import(viteUrl())
const server = await told(vite)({
  root,
  configFile: options.config && resolve(folder, options.config),
  mode: options.mode,
  base: options.base,
  clearScreen: false,
  customLogger: vite.createLogger('info', { allowClearScreen: false }),
  optimizeDeps: options.force ? { force: true } : undefined,
  server: { host: '0.0.0.0', port: Number(options.port), strictPort: true, open: false },
})
await server.listen()
if (packages) {
  await finish(server, packages)
  process.exit()
}
server.printUrls()

function readOptions(words) {
  const options = {}
  while (words.length > 0) {
    const [name, value] = words.shift().replace(/^--/, '').split('=')
    options[name] = name === 'force' ? true : (value ?? words.shift())
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
