// The program itself, in the child of beside.cjs: what it says to its parent. The program is to see none of it.

'use strict'

const net = require('node:net')
const { relative, resolve } = require('node:path')

const native = require('./native.cjs')

const project = process.env.PREVIEWD_PROJECT ?? process.cwd()

/** The most files that an error may have come of which does not say its own. */
const MOST_SUSPECTS = 20

/** Begins to answer the parent. */
exports.begin = () => {
  const send = (message) => process.connected && real.call(process, message, () => {})
  const real = process.send
  process.on('message', (message) => {
    if (Array.isArray(message?.paths)) send({ stale: message.paths.some((path) => native.has(resolve(project, path))) })
  })
  process.channel?.unref()
  delete process.send
  // Its own children are its own business.
  for (const name of ['PREVIEWD_PROGRAM', 'PREVIEWD_BESIDE', 'NODE_CHANNEL_FD']) delete process.env[name]
  const { emit } = net.Server.prototype
  net.Server.prototype.emit = function (event, ...words) {
    if (event === 'listening') send({ listening: true })
    return emit.call(this, event, ...words)
  }
  process.on('uncaughtExceptionMonitor', (error) => send({ error: described(error) }))
}

function described(error) {
  const stack = String(error?.stack ?? error).replaceAll('file://', '')
  // Where code cannot be read the place stands alone before the error; else in the first frame that is the project's.
  const places = [...stack.matchAll(/(?:^|\(|at )(\/[^\s():]+):(\d+)(?::\d+)?\)?$/gm)]
  const place = places.find(([, file]) => file.startsWith(`${project}/`) && !file.includes('/node_modules/'))
  return {
    message: `${error?.name ?? 'Error'}: ${error?.message ?? error}`.split('\n')[0].slice(0, 1000),
    file: place?.[1].slice(project.length + 1),
    line: place && Number(place[2]),
    // A syntax error of an ES module does not say it.
    suspects: place ? undefined : native.newest().slice(0, MOST_SUSPECTS).map((file) => relative(project, file)),
  }
}
