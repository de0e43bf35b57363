import { initTRPC } from '@trpc/server';
import { z } from 'zod';

const t = initTRPC.create();

export const appRouter = t.router({
  greeting: t.procedure.input(z.string().optional()).query(({ input }) => {
    return `Hello ${input ?? 'tRPC'}`;
  }),
});

export type AppRouter = typeof appRouter;
