// Turborepo hands no variables on to its tasks but those that they name, and NODE_OPTIONS. So a process of a task finds by
// itself where it is told of changes: at the socket that the agent has made last (agent/src/control.rs).

'use strict'

const { readdirSync } = require('node:fs')
const { join } = require('node:path')

const FOLDER = '/tmp/.previewd'
const PROJECT = '/app'

if (process.env.TURBO_HASH && !process.env.PREVIEWD_CONTROL) {
  const generation = (name) => Number(/^control-(\d+)\.sock$/.exec(name)?.[1] ?? 0)
  try {
    const last = readdirSync(FOLDER).sort((one, other) => generation(other) - generation(one))[0]
    if (generation(last) > 0) Object.assign(process.env, { PREVIEWD_CONTROL: join(FOLDER, last), PREVIEWD_PROJECT: PROJECT })
  } catch {
    // Nobody tells it.
  }
}
