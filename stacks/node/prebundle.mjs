// Has Vite bundle packages where there are no sources: a page of ours imports them, and is gone afterwards. What is left is
// Vite's own cache, which it takes for that of a project with the same dependencies and configuration.

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** The longest that is waited for. */
const TIMEOUT_MS = 300_000
const LOOK_MS = 50

const PAGE = 'index.html'
const MODULE = 'previewd-packages.js'

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
  const manifest = join(folder, 'package.json')
  writeFileSync(manifest, JSON.stringify({ ...JSON.parse(readFileSync(manifest, 'utf8')), type: kind }))
  writeFileSync(join(folder, PAGE), `<script type="module" src="/${MODULE}"></script>\n`)
  writeFileSync(join(folder, MODULE), packages.map((name) => `import ${JSON.stringify(name)}\n`).join(''))
}

/** Resolves once a server has bundled the packages. Fails if it does not. */
export async function finish(server, folder, packages) {
  const until = Date.now() + TIMEOUT_MS
  await server.transformRequest(`/${MODULE}`)
  while (!packages.every((name) => bundled(server.config).includes(name))) {
    if (Date.now() > until) throw new Error('Vite has not bundled the packages')
    await delay(LOOK_MS)
  }
  for (const name of [PAGE, MODULE]) rmSync(join(folder, name))
}
