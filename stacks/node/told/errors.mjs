// Errors of Vite and its plugins, as previewd reports them.

import { existsSync, readFileSync } from 'node:fs'
import { isAbsolute, join, relative, sep } from 'node:path'

import { placed } from './places.mjs'

/** The folder that paths are reported from. */
export const project = process.env.PREVIEWD_PROJECT ?? process.cwd()

/** Returns an error with its first telling line, and the file and the line where they are known. */
export function described(error, root) {
  placed(error)
  const text = [error.message, error.frame].filter((part) => typeof part === 'string').join('\n').replace(/\u001b\[[0-9;]*m/g, '')
  const place = /([^\s"'`()[\]]+\.[a-z]+):(\d+):\d+/.exec(text)
  const at = /\((\d+):\d+\)/.exec(error.message ?? '')
  // Some of Vite's own plugins put an object there, others no more than a name without its folder.
  const named = [error.loc?.file, error.id, place?.[1], error.module].filter((file) => typeof file === 'string')
  const file = named.find((file) => isHere(file.split('?')[0], root)) ?? named.find((file) => file !== place?.[1])
  const line = error.loc?.line ?? error.line ?? place?.[2] ?? at?.[1]
  const lines = text.split('\n').map((line) => line.trim()).filter(Boolean)
  // "Transform failed with 1 error:" says nothing; what follows does.
  const message = /error(\(s\)|s)?:$/i.test(lines[0] ?? '') && lines[1] ? lines[1] : (lines[0] ?? 'an error without a message')
  const written = file && line && lineOfSource(file.split('?')[0], Number(line), error.pluginCode)
  return { message: shortened(message, root), file: file && shortened(file, root), line: written || (line ? Number(line) : undefined) }
}

/**
 * Returns the line of a Markdown file for one of the component that was made of it: that which has the same text, without
 * the tags, where there is only one.
 */
function lineOfSource(file, line, component) {
  if (!/\.mdx?$/.test(file) || typeof component !== 'string' || !isAbsolute(file) || !existsSync(file)) return undefined
  const said = component.split('\n')[line - 1]?.replace(/<[^>]*>/g, '').trim()
  if (!said) return undefined
  const found = readFileSync(file, 'utf8').split('\n').flatMap((row, index) => (row.includes(said) ? [index + 1] : []))
  return found.length === 1 ? found[0] : undefined
}

function isHere(path, root) {
  return existsSync(isAbsolute(path) ? path : join(root, path))
}

/** Takes the project's folder and queries off the paths of a text. */
function shortened(text, root) {
  const prefix = project.endsWith(sep) ? project : project + sep
  // Where a path begins, and not in its midst: a project may have a folder of that name.
  const parts = text.replaceAll(`file://${prefix}`, prefix).split(prefix)
  const joined = parts.reduce((whole, part) => (/[\w@.\])+-]$/.test(whole) ? whole + prefix : whole) + part)
  const inside = joined.replace(/(\.[a-z]+)\?[^\s"']*/g, '$1')
  // Rolldown and esbuild name files from the root that Vite serves.
  const below = relative(project, root)
  return below && inside === text && !isAbsolute(text) && existsSync(join(root, text)) ? join(below, text) : inside
}
