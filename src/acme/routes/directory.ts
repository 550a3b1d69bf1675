import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AcmeContext } from '../context.ts';
import { byAccount, directoryOf, onlyGet } from '../signed-request.ts';

/** The directory (RFC 8555 7.1.1), also by POST-as-GET (6.3). */
export async function directory(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (request.method === 'POST') onlyGet(await byAccount(context, request));
  const { settings } = context;
  const { directory: { profiles, externalAccount }, urls } = directoryOf(context, request);
  const meta = {
    ...(settings.termsOfService === undefined ? {} : { termsOfService: settings.termsOfService }),
    ...(settings.website === undefined ? {} : { website: settings.website }),
    ...(settings.caaIdentities.length === 0 ? {} : { caaIdentities: settings.caaIdentities }),
    externalAccountRequired: externalAccount === 'required',
    profiles: Object.fromEntries([...profiles].map(([name, { profile }]) => [name, describe(profile)])),
  };
  const { newNonce, newAccount, newOrder, newAuthz, revokeCert, keyChange, renewalInfo } = urls;
  await reply.header('cache-control', 'public, max-age=0, no-cache').send({ newNonce, newAccount, newOrder, newAuthz, revokeCert, keyChange, renewalInfo, meta });
}

/** A profile's description, which clients display according to the profiles draft. */
const describe = ({ lifetime, nameKinds, wildcards, mostNames }: { readonly lifetime: number; readonly nameKinds: ReadonlySet<string>; readonly wildcards: boolean; readonly mostNames: number }): string =>
  `${Math.round(lifetime / 3600)} hours; ${[...nameKinds].filter((kind) => kind === 'dns' || kind === 'ip').join(' and ')} names, ${mostNames} at most${wildcards ? ', wildcards too' : ''}`;

/** newNonce (RFC 8555 7.2): HEAD with 200, GET with 204. */
export async function newNonce(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { urls } = directoryOf(context, request);
  await reply.code(request.method === 'HEAD' ? 200 : 204).header('replay-nonce', context.nonces.issue()).header('link', `<${urls.directory}>;rel="index"`).send();
}
