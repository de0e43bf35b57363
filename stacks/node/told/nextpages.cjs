// The pages of Next.js that are open, by the sockets on which they hear of changes. What changes before a page hears, or
// before it is alive, it never learns: it is loaded anew.

'use strict'

const documents = require('./documents.cjs')

/** How long a page may take from its socket until it has asked for what changes in its parts: what comes in between, it is not
 * told or cannot take. */
const SUBSCRIBED_MS = 2000
/** How long a page that is not alive yet may take until it asks for what the server renders of it now. One that is told of
 * that too early drops it. */
const ASKS_MS = 3000
/** How the answer to the request for a socket begins: what is written before would be taken for a part of it. */
const SHAKEN = 'HTTP/1.1 101'

/** @type {Set<Page>} */
const open = new Set()
/** When the last change was there, by the clock of documents.cjs. */
let changed = -Infinity

class Page {
  constructor(url, socket) {
    this.socket = socket
    this.opened = Date.now()
    /** What it names itself by in its requests, since Next.js 16. */
    this.id = new URLSearchParams(url.split('?')[1]).get('id')
    /** Whether it has asked for what the server renders of it. */
    this.alive = false
    /** Whether its socket is one, and whether the page is to be loaded anew then. */
    this.shaken = false
    this.stale = false
    this.timer = undefined
    const { write } = socket
    const page = this
    socket.write = function (chunk, ...words) {
      const written = write.call(this, chunk, ...words)
      if (String(chunk).startsWith(SHAKEN)) {
        socket.write = write
        page.shaken = true
        if (page.stale) page.reload()
      }
      return written
    }
    socket.once('close', () => {
      clearTimeout(this.timer)
      open.delete(this)
    })
  }

  /** Has it load itself anew: one whole text message of RFC 6455, below the length that has a longer head. */
  reload() {
    this.stale = true
    if (!this.shaken || !this.socket.writable) return
    const text = Buffer.from('{"type":"reloadPage","action":"reloadPage"}')
    this.socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text]))
  }

  /** Loads it anew unless it shows soon that it is alive, and so takes what it is told. */
  expect() {
    if (this.alive || !this.id || this.timer) return
    this.timer = setTimeout(() => {
      this.timer = undefined
      if (!this.alive) this.reload()
    }, ASKS_MS).unref()
  }
}

/** Notes the socket of a page. */
exports.opens = (url, socket) => {
  const page = new Page(url, socket)
  open.add(page)
  // It was asked for before the last change, and hears of what changes from now on alone.
  if ((documents.opened() ?? Infinity) < changed) page.reload()
}

/** Notes that a page asks for what the server renders of it, as it does once it is alive. */
exports.asks = ({ 'x-nextjs-html-request-id': id }) => {
  if (id) for (const page of open) if (page.id === id) page.alive = true
}

/** Sees to it that the pages show a change that was told at a time: `rendered` is what the server renders of them. */
exports.told = (time, rendered) => {
  changed = performance.now()
  for (const page of open) {
    if (page.opened > time - SUBSCRIBED_MS) page.reload()
    else if (rendered) page.expect()
  }
}
