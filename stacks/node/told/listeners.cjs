// The listeners of the project's own tools, told of changes. Those that are asynchronous go on after the event, and what
// they do has to be over when a change is said to show: Remix finds its routes anew in one.

'use strict'

/** How long one is taken to work still. One that waits for something else holds up no more than that. */
const RUNS_MS = 5000

let running = 0

/** Emits an event, and counts the listeners that go on. */
exports.tell = (emitter, event, ...words) => {
  for (const listener of emitter.rawListeners(event)) {
    const end = Reflect.apply(listener, emitter, words)
    if (typeof end?.then === 'function') follow(end)
  }
}

/** Returns how many go on. */
exports.running = () => running

function follow(end) {
  running += 1
  let over = false
  const finish = () => {
    if (!over) running -= 1
    over = true
    clearTimeout(timer)
  }
  const timer = setTimeout(finish, RUNS_MS)
  timer.unref()
  end.then(undefined, finish)
  // Apart from it, so that what is thrown stays unhandled, as it was.
  end.then(finish)
}
