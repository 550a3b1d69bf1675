import type { App } from '../../http/app.ts';
import { accountRoutes, AcmeAccountView } from './accounts.ts';
import { EabKeyView, eabKeyRoutes } from './eab-keys.ts';
import type { OperatorContext } from './operator-context.ts';
import { AcmeOrderView, orderRoutes } from './orders.ts';

/** What operators see and do of ACME: `/v1/acme/…`, part of the native API where ACME is on. */
export function operatorRoutes(app: App, context: OperatorContext): void {
  for (const schema of [EabKeyView, AcmeAccountView, AcmeOrderView]) app.addSchema(schema);
  eabKeyRoutes(app, context);
  accountRoutes(app, context);
  orderRoutes(app, context);
}
