const { Router } = require('express');
const book = require('../lib/book');

const router = Router();

router.get('/', (req, res) => {
  res.render('index', { title: 'The guest book', entries: book.list() });
});

router.post('/sign', (req, res) => {
  book.add(req.body);
  res.redirect(303, '/');
});

router.get('/healthz', (req, res) => {
  res.json({ status: 'ok', uptime: Math.round(process.uptime()) });
});

module.exports = router;
