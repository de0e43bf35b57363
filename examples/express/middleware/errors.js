function notFound(req, res) {
  res.status(404);
  if (req.path.startsWith('/api/')) res.json({ error: 'not found' });
  else res.render('error', { title: 'Not found', message: 'There is no such page.' });
}

// Express knows an error handler by its four parameters.
function onError(err, req, res, next) { // eslint-disable-line no-unused-vars
  const status = err.status ?? 500;
  if (status >= 500) console.error(err);
  res.status(status);
  const message = status >= 500 ? 'something went wrong' : err.message;
  if (req.path.startsWith('/api/')) res.json({ error: message });
  else res.render('error', { title: 'That did not work', message });
}

module.exports = { notFound, onError };
