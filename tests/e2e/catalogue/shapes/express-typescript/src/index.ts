import express, { Request, Response } from 'express';
import { greeting } from './greeting';

const app = express();
const port: number = Number(process.env.PORT) || 3000;

app.get('/', (_req: Request, res: Response) => {
  res.send(greeting('Express'));
});

app.listen(port, () => {
  console.log(`Listening on ${port}`);
});
