// What comes to the HTTP servers of this process, before they see it themselves. The one place where they are patched.
//
// CommonJS, since it has to be there at once in a program that makes an HTTP server.

'use strict'

const http = require('node:http')

const hooks = []
const real = http.Server.prototype.emit

/**
 * Calls a function before each event of a server, with the name and what comes with it, the server as `this`. What it
 * returns, if anything, is the emitter that gets the event in place of the server.
 */
exports.before = (hook) => {
  if (hooks.length === 0) {
    http.Server.prototype.emit = function (event, ...words) {
      let to
      for (const hook of hooks) to ??= hook.call(this, event, ...words)
      return to && to !== this ? to.emit(event, ...words) : real.call(this, event, ...words)
    }
  }
  hooks.push(hook)
}
