const path = require('node:path');
const express = require('express');

const pages = require('./routes/pages');
const entries = require('./routes/entries');
const { logRequests } = require('./middleware/log');
const { notFound, onError } = require('./middleware/errors');

/** Builds the application without listening, so that tests can use it. */
function createApp() {
  const app = express();
  app.disable('x-powered-by');
  app.set('view engine', 'ejs');
  app.set('views', path.join(__dirname, 'views'));

  app.use(logRequests);
  app.use(express.static(path.join(__dirname, 'public')));
  app.use(express.json({ limit: '64kb' }));
  app.use(express.urlencoded({ extended: false }));

  app.use('/', pages);
  app.use('/api/entries', entries);

  app.use(notFound);
  app.use(onError);
  return app;
}

module.exports = { createApp };
