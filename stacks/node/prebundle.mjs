// Has Vite bundle packages where there are no sources: a page of ours imports them, and is gone afterwards. What is left is
// Vite's own cache, which it takes for that of a project with the same dependencies and configuration.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** The longest that is waited for. */
const TIMEOUT_MS = 300_000
const LOOK_MS = 50

const PAGE = 'index.html'
/** Where frameworks have their sources: some let Vite serve what is there alone. */
const MODULE = 'src/previewd-packages.js'
/** What a framework reads before it does anything, and what it leaves. */
const FRAMEWORKS = {
  '@sveltejs/kit': {
    reads: ['src/app.html', '<html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>\n'],
    leaves: '.svelte-kit',
  },
}

/** What was made for the bundling, and goes after it. */
const made = []

/** Returns the addresses of what Vite has bundled for a server, as they are imported. */
export function bundled({ cacheDir }) {
  try {
    const { optimized } = JSON.parse(readFileSync(join(cacheDir, 'deps', '_metadata.json'), 'utf8'))
    return Object.keys(optimized)
  } catch {
    // There is no bundle, or it is just being written.
    return []
  }
}

/** Puts a page into a folder that imports packages, and a manifest that says of what kind the folder's modules are. */
export function supply(folder, kind, packages) {
  const path = join(folder, 'package.json')
  const manifest = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify({ ...manifest, type: kind }))
  make(folder, PAGE, `<script type="module" src="/${MODULE}"></script>\n`)
  make(folder, MODULE, packages.map((name) => `import ${JSON.stringify(name)}\n`).join(''))
  for (const [name, { reads, leaves }] of Object.entries(FRAMEWORKS)) {
    if (!manifest.dependencies?.[name] && !manifest.devDependencies?.[name]) continue
    make(folder, ...reads)
    if (!existsSync(join(folder, leaves))) made.push(join(folder, leaves))
  }
}

function make(folder, name, text) {
  const parent = join(folder, dirname(name))
  const path = join(folder, name)
  made.push(existsSync(parent) ? path : parent)
  mkdirSync(parent, { recursive: true })
  writeFileSync(path, text)
}

/** Resolves once a server has bundled the packages. Fails if it does not. */
export async function finish(server, packages) {
  const until = Date.now() + TIMEOUT_MS
  await server.transformRequest(`/${MODULE}`)
  while (!packages.every((name) => bundled(server.config).includes(name))) {
    if (Date.now() > until) throw new Error('Vite has not bundled the packages')
    await delay(LOOK_MS)
  }
  for (const path of made) rmSync(path, { recursive: true, force: true })
}
