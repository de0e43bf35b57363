// Where in a source an error is that a tool found in what another had made of it, as esbuild does in what comes of an Astro
// component: its line there says nothing to whoever wrote the source.

import { readFileSync, statSync } from 'node:fs'
import { isAbsolute } from 'node:path'

/** The fewest characters by which a place is known again. */
const LEAST = 3
/** The largest source and the longest line that are looked through, and how far around the place. */
const MAX_SOURCE_BYTES = 1024 * 1024
const MAX_LINE = 20_000
const AROUND = 200
/** What Astro notes beside each element of a template: the line that it begins on. */
const NOTED = /data-astro-source-loc="(\d+):\d+"/g

/** Puts the places of an error, and what it says of them, right where they are not of the file that they name. Returns it. */
export function placed(error) {
  const found = Array.isArray(error?.errors) ? error.errors.map((one) => one?.location) : []
  for (const place of new Set([error?.loc, ...found])) {
    if (typeof place?.lineText !== 'string' || !Number.isInteger(place.line)) continue
    const file = [place.file, error.id].find((name) => typeof name === 'string' && isAbsolute(name) && isText(name))
    const source = file && readFileSync(file, 'utf8').split('\n')
    if (!source || source[place.line - 1]?.includes(place.lineText.trim())) continue
    const line = lineOf(place.lineText, place.column ?? 0, source)
    if (!line) continue
    const [before, now] = [`:${place.line}:${place.column}`, `:${line}:1`]
    if (typeof error.message === 'string') error.message = error.message.replace(before, now)
    Object.assign(place, { line, column: 1, lineText: source[line - 1] })
  }
  return error
}

function isText(path) {
  const found = statSync(path, { throwIfNoEntry: false })
  return Boolean(found?.isFile()) && found.size <= MAX_SOURCE_BYTES
}

/** Returns the line of a source, counted from 1, for a place in a line that was made of it; undefined if it cannot be told. */
function lineOf(made, column, source) {
  if (made.length > MAX_LINE) return undefined
  const noted = [...made.slice(0, column).matchAll(NOTED)].at(-1)?.[1]
  const from = Math.max(Number(noted ?? 1), 1)
  const lines = (text) => source.flatMap((row, index) => (index + 1 >= from && row.includes(text) ? [index + 1] : []))
  const piece = around(made, column, lines) || upTo(made, column, lines)
  const found = piece ? lines(piece) : []
  if (found.length === 1 || (found.length > 0 && noted)) return found[0]
  return noted ? from : undefined
}

/** Returns the longest piece around a place that the source has as well, if it says enough. */
function around(made, column, lines) {
  let best = ''
  for (let start = Math.max(0, column - AROUND); start <= column; start += 1) {
    let end = Math.max(column + 1, start + best.length + 1)
    while (end <= Math.min(made.length, column + AROUND) && lines(made.slice(start, end)).length > 0) {
      best = made.slice(start, end)
      end += 1
    }
  }
  return best.trim().length >= LEAST ? best : ''
}

/** Returns the longest piece that ends at a place. */
function upTo(made, column, lines) {
  for (let start = Math.max(0, column - AROUND); start <= column - LEAST; start += 1) {
    const piece = made.slice(start, column)
    if (piece.trim().length >= LEAST && lines(piece).length > 0) return piece
  }
  return ''
}
