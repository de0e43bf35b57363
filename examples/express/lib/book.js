const entries = [];
let nextId = 1;

class InvalidEntry extends Error {
  constructor(message) {
    super(message);
    this.status = 422;
  }
}

/** Returns the newest entry first. */
function list() {
  return [...entries].reverse();
}

function get(id) {
  return entries.find((entry) => entry.id === id);
}

function add({ name, message } = {}) {
  const entry = { id: nextId, name: clean(name, 'name', 60), message: clean(message, 'message', 500), at: new Date().toISOString() };
  nextId += 1;
  entries.push(entry);
  return entry;
}

function remove(id) {
  const index = entries.findIndex((entry) => entry.id === id);
  if (index < 0) return false;
  entries.splice(index, 1);
  return true;
}

function clean(value, field, max) {
  const text = String(value ?? '').trim();
  if (!text) throw new InvalidEntry(`${field} is empty`);
  if (text.length > max) throw new InvalidEntry(`${field} is longer than ${max} characters`);
  return text;
}

add({ name: 'Ingrid', message: 'The view from the tower was worth every step.' });
add({ name: 'Tomasz', message: 'Please thank the cook.' });

module.exports = { list, get, add, remove, InvalidEntry };
