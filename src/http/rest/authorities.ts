import { Type } from 'typebox';
import type { Authority, LoadedAuthorities, Reign } from '../../authority/authority.ts';
import { ROOT } from '../../authority/layout.ts';
import { Refused } from '../../errors.ts';
import { requesterKey } from '../../identity/identity.ts';
import { type AuthorityRevocationContext, authorityRevocation, revokeAuthority } from '../../revocation/revoke-authority.ts';
import { PERMANENT_REASONS, type RevocationReason } from '../../x509/revocation-reason.ts';
import type { PublishedAt } from '../../issuance/template.ts';
import type { Publication } from '../../revocation/crl-publisher.ts';
import { distinguishedNameToText } from '../../x509/distinguished-name.ts';
import { encodePem } from '../../x509/pem.ts';
import type { App } from '../app.ts';
import type { Authentication } from '../authentication.ts';
import { type ChainOf, secondsToIso } from './request-view.ts';
import { bearer, bodyMayBeAbsent, closed, nobody, oneOf, problems, Time } from './schemas.ts';

export interface AuthorityRoutes {
  readonly authorities: readonly Authority[];
  readonly succession: LoadedAuthorities['succession'];
  readonly issuing: Pick<Authority, 'name'>;
  readonly publishedAt: (authority: string) => PublishedAt;
  readonly chainOf: ChainOf;
  readonly publish: (authority: Authority, actor: string) => Promise<Publication>;
  readonly authentication: Authentication;
  readonly revocation: AuthorityRevocationContext;
}

const STATES = ['root', 'issuing', 'next', 'former'] as const;

export const AuthorityView = Type.Object({
  name: Type.String(),
  subject: Type.String(),
  certificate: Type.String({ description: 'PEM' }),
  chain: Type.Array(Type.String({ description: 'PEM, from its issuer up, without the root' })),
  keyType: Type.String(),
  signs: Type.Boolean({ description: 'Whether its key is here' }),
  crl: Type.Array(Type.String()),
  ocsp: Type.Array(Type.String()),
  issuers: Type.Array(Type.String()),
  notBefore: Time,
  notAfter: Time,
  rootDigest: Type.String({ description: 'SHA-256 of the root certificate, hex' }),
  state: oneOf(STATES, 'What it signs: certificates of authorities (root), certificates now (issuing), from `issuesFrom` on (next), or none any more (former: it keeps its CRL and OCSP)'),
  issuesFrom: Type.Optional(Time),
  revocation: Type.Optional(Type.Object({ at: Time, reason: Type.String() }, {
    ...closed, description: 'Revoked by the authority above it, as far as that one\'s revocations are known here; it issues nothing any more',
  })),
}, { ...closed, $id: 'Authority' });

export const CrlView = Type.Object({ authority: Type.String(), number: Type.String(), thisUpdate: Time, nextUpdate: Time, etag: Type.String() }, { ...closed, $id: 'Crl' });

const RevokeBody = Type.Object({ reason: Type.Optional(oneOf(PERMANENT_REASONS, 'RFC 5280 5.3.1, by name; cACompromise for a key in other hands')) }, closed);

const NameParameter = Type.Object({ name: Type.String({ minLength: 1, maxLength: 64 }) }, closed);

/** `/v1/authorities`: the authorities of this service. */
export function authorityRoutes(app: App, { authorities, succession, issuing, publishedAt, chainOf, publish, authentication, revocation }: AuthorityRoutes): void {
  const named = (name: string): Authority => {
    const authority = authorities.find((candidate) => candidate.name === name);
    if (authority === undefined) throw new Refused('not-found', `There is no authority ${JSON.stringify(name)}; expected one of ${authorities.map((each) => each.name).join(', ')}.`);
    return authority;
  };
  const view = async (authority: Authority): Promise<object> => {
    const revoked = await authorityRevocation(revocation, authority);
    const { crl, ocsp, issuers } = publishedAt(authority.name);
    return {
      name: authority.name, subject: distinguishedNameToText(authority.certificate.subjectName),
      certificate: encodePem('CERTIFICATE', authority.der), chain: chainOf(authority.name).slice(1),
      keyType: authority.certificate.publicKey.type, signs: authority.signingKey !== undefined,
      crl, ocsp, issuers,
      notBefore: secondsToIso(authority.certificate.notBefore), notAfter: secondsToIso(authority.certificate.notAfter),
      rootDigest: authority.rootDigest,
      ...stateOf(authority),
      ...(revoked === undefined ? {} : { revocation: { at: secondsToIso(revoked.at), reason: revoked.reason } }),
    };
  };

  const stateOf = ({ name }: Authority): { readonly state: (typeof STATES)[number]; readonly issuesFrom?: string } => {
    if (name === issuing.name) return { state: 'issuing' };
    const at = succession.findIndex((reign) => reign.name === name);
    if (at > succession.findIndex((reign) => reign.name === issuing.name)) return { state: 'next', issuesFrom: secondsToIso((succession[at] as Reign).from) };
    return { state: name === ROOT ? 'root' : 'former' };
  };

  app.get('/v1/authorities', {
    schema: {
      operationId: 'listAuthorities', summary: 'The authorities', tags: ['authorities'], security: nobody,
      response: { 200: { description: 'All of them', content: { 'application/json': { schema: Type.Object({ items: Type.Array(Type.Ref('Authority#')) }, closed) } } }, ...problems() },
    },
  }, async () => ({ items: await Promise.all(authorities.map(view)) }));

  app.get('/v1/authorities/:name', {
    schema: {
      operationId: 'getAuthority', summary: 'An authority', tags: ['authorities'], security: nobody, params: NameParameter,
      response: { 200: { description: 'The authority', content: { 'application/json': { schema: { $ref: 'Authority#' } } } }, ...problems(404) },
    },
  }, (request) => view(named((request.params as { name: string }).name)));

  app.post('/v1/authorities/:name/revoke', {
    preValidation: bodyMayBeAbsent,
    schema: {
      operationId: 'revokeAuthority', summary: 'Revoke an authority', description: 'Its certificate goes on the CRL of the authority above it, whose key must be here. It issues nothing any more; its own CRL continues. By an operator with scope admin. This cannot be undone',
      tags: ['authorities'], security: bearer, params: NameParameter, body: RevokeBody,
      response: { 200: { description: 'The authority', content: { 'application/json': { schema: { $ref: 'Authority#' } } } }, ...problems(400, 401, 403, 404, 409) },
    },
  }, async (request) => {
    const identity = await authentication.operator(request, 'admin');
    const { name } = request.params as { name: string };
    const { reason = 'unspecified' } = request.body as { reason?: RevocationReason };
    await revokeAuthority(revocation, { identity, name, reason });
    return view(named(name));
  });

  app.post('/v1/authorities/:name/crl', {
    schema: {
      operationId: 'publishCrl', summary: 'Publish the CRL now', description: 'It is published automatically after each revocation and before it expires',
      tags: ['authorities'], security: bearer, params: NameParameter,
      response: { 200: { description: 'The current CRL', content: { 'application/json': { schema: { $ref: 'Crl#' } } } }, ...problems(401, 403, 404) },
    },
  }, async (request) => {
    const operator = await authentication.operator(request, 'revoke');
    const authority = named((request.params as { name: string }).name);
    if (authority.signingKey === undefined) throw new Refused('unavailable', `The key of authority ${authority.name} is not here; its CRL cannot be signed.`, { retryAfter: 3600 });
    const { documents } = await publish(authority, requesterKey(operator));
    const full = documents.get('full');
    if (full === undefined) throw new Error(`publishing by ${authority.name} produced no full CRL`);
    const { number, thisUpdate, nextUpdate, etag } = full;
    return { authority: authority.name, number: number.toString(), thisUpdate: secondsToIso(thisUpdate), nextUpdate: secondsToIso(nextUpdate), etag };
  });
}
