import type { App } from '../../http/app.ts';
import { accountRoutes, AcmeAccountView } from './accounts.ts';
import { EabKeyView, eabKeyRoutes } from './eab-keys.ts';
import type { OperatorContext } from './operator-context.ts';
import { AcmeOrderView, orderRoutes } from './orders.ts';

/** ACME for operators: `/v1/acme/…`, part of the native API if ACME is enabled. */
export function operatorRoutes(app: App, context: OperatorContext): void {
  for (const schema of [EabKeyView, AcmeAccountView, AcmeOrderView]) app.addSchema(schema);
  eabKeyRoutes(app, context);
  accountRoutes(app, context);
  orderRoutes(app, context);
}
