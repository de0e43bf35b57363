import * as trpcExpress from '@trpc/server/adapters/express';
import express from 'express';
import { appRouter } from './router.js';

const app = express();

app.use('/trpc', trpcExpress.createExpressMiddleware({ router: appRouter }));
app.get('/', (_request, response) => {
  response.send('<h1>An API</h1><p>Ask for <code>/trpc/greeting</code></p>');
});

app.listen(Number(process.env.PORT ?? 4000));
