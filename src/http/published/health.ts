import { Type } from 'typebox';
import type { App } from '../app.ts';

/** A condition for the service to be useful. */
export interface Readiness {
  readonly name: string;
  /** Undefined if it holds; otherwise what is wrong, in words. */
  readonly check: () => Promise<string | undefined>;
  /** Something an operator should know although the condition holds. */
  readonly note?: () => Promise<string | undefined>;
}

const Check = Type.Object({ name: Type.String(), ok: Type.Boolean(), detail: Type.Optional(Type.String()) });
const Health = Type.Object({ status: Type.String(), checks: Type.Array(Check) });

const CHECK_TIME = 2000;

/** `/healthz`: the process responds. `/readyz`: listeners, store, key and CRL are in order, so that it should receive traffic. */
export function healthRoutes(app: App, readiness: readonly Readiness[]): void {
  app.get('/healthz', { schema: { operationId: 'getHealth', summary: 'Whether the process answers', tags: ['published'], security: [], response: { 200: Type.Object({ status: Type.String() }) } } }, (_request, reply) =>
    reply.header('cache-control', 'no-store').send({ status: 'ok' }));

  app.get('/readyz', { schema: { operationId: 'getReadiness', summary: 'Whether store, key and CRL are good', tags: ['published'], security: [], response: { 200: Health, 503: Health } } }, async (_request, reply) => {
    const checks = await Promise.all(readiness.map(async ({ name, check, note }) => {
      const fault = await bounded(check);
      const detail = fault ?? (note && await bounded(note));
      return { name, ok: fault === undefined, ...(detail === undefined ? {} : { detail }) };
    }));
    const ready = checks.every(({ ok }) => ok);
    reply.header('cache-control', 'no-store');
    if (!ready) reply.code(503).header('retry-after', '5');
    return reply.send({ status: ready ? 'ready' : 'not ready', checks });
  });
}

async function bounded(check: Readiness['check']): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${CHECK_TIME} ms`), CHECK_TIME);
  });
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    return error instanceof Error ? error.message : 'failed';
  } finally {
    clearTimeout(timer);
  }
}
