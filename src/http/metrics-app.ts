import { type App, type AppOptions, buildApp } from './app.ts';

/** The app of the metrics listener: `/metrics`, in Prometheus text format. */
export async function buildMetricsApp(options: AppOptions, registry: { readonly contentType: string; readonly metrics: () => Promise<string> }): Promise<App> {
  const app = buildApp(options);
  app.get('/metrics', async (_request, reply) => reply.header('content-type', registry.contentType).header('cache-control', 'no-store').send(await registry.metrics()));
  await app.ready();
  return app;
}
