const { Router } = require('express');
const book = require('../lib/book');

const router = Router();

router.get('/', (req, res) => {
  const limit = Math.min(Number(req.query.limit) || 50, 200);
  res.json({ entries: book.list().slice(0, limit), total: book.list().length });
});

router.get('/:id', (req, res, next) => {
  const entry = book.get(Number(req.params.id));
  if (!entry) return next();
  res.json(entry);
});

router.post('/', (req, res) => {
  res.status(201).json(book.add(req.body));
});

router.delete('/:id', (req, res, next) => {
  if (!book.remove(Number(req.params.id))) return next();
  res.status(204).end();
});

module.exports = router;
