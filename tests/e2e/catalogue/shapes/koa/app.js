const Koa = require('koa');
const Router = require('@koa/router');
const greeting = require('./greeting');

const app = new Koa();
const router = new Router();

router.get('/', (ctx) => {
  ctx.body = greeting();
});

app.use(router.routes()).use(router.allowedMethods());

app.listen(process.env.PORT || 3000);
