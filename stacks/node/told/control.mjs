// The control socket: one JSON object per line, each notice answered by one line.
//
//   in   {"revision":"<id>","changes":[{"path":"src/App.jsx","kind":"add|change|unlink"}]}
//   out  {"ok":true,"strategy":"hot|full|restart|process","packages":["react"]}
//        {"ok":false,"error":{"message":"...","file":"src/App.jsx","line":3,"traceback":["..."],"ended":true}}
//
// `process`: what runs cannot show the change, and has to be started anew. Any other answer means that the next fetch gets
// the new code, and that what the pages load is without errors. `packages`: what they import of packages, where no change is
// told. `traceback`: what a program printed of its error, which is read for reason, file and line. `ended`: it is the program
// that has ended, and the code may be read well. Each process that has a development server has a connection of its own.

import { connect } from 'node:net'

let socket
let wanted = false
let answering
let queue = Promise.resolve()

/**
 * Answers notices by a function, the last that came, one after another. Connects again when the other side went away. A
 * process that is to be kept does not end before `hangUp`: a server that restarts is nothing to stay for, for a moment.
 */
export function listen(answer, keep) {
  wanted = true
  answering = answer
  if (keep) socket?.ref()
  if (socket || !process.env.PREVIEWD_CONTROL) return
  socket = connect(process.env.PREVIEWD_CONTROL)
  const own = socket
  let buffer = ''
  own.setEncoding('utf8')
  if (!keep) own.unref()
  own.on('data', (text) => {
    buffer += text
    const lines = buffer.split('\n')
    buffer = lines.pop()
    for (const line of lines) {
      queue = queue.then(async () => own.write(`${JSON.stringify(await answering(JSON.parse(line)))}\n`)).catch(() => own.destroy())
    }
  })
  own.on('error', () => {})
  own.on('close', () => {
    socket = undefined
    if (wanted) setTimeout(() => wanted && listen(answering, keep), 100).unref()
  })
}

/** Hangs up once what was asked is answered: there is nobody to tell in this process. */
export function hangUp() {
  wanted = false
  queue = queue.then(() => {
    if (!wanted) socket?.end()
  })
}
