import type { CfsslConfig } from '../config/cfssl-schema.ts';
import { Refused } from '../errors.ts';
import type { Authentication, Holder } from '../http/authentication.ts';
import { peerCertificate } from '../http/peer-certificate.ts';
import { type Identity, mayAsk } from '../identity/identity.ts';
import type { IssuanceContext } from '../issuance/context.ts';
import { compileNamePattern, type Name, type NamePattern } from '../policy/name-pattern.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { commonNameOf } from '../x509/distinguished-name.ts';
import { certificateNames } from '../x509/extensions.ts';
import { inputFor } from './asked-input.ts';
import type { Asker } from './asker.ts';
import type { GrantedSubject } from './granted-subject.ts';

export interface ClientAskerOptions {
  readonly clients: CfsslConfig['clients'];
  readonly authentication: Authentication;
  readonly issuance: IssuanceContext;
}

interface Rule extends GrantedSubject {
  readonly name: string;
  readonly profile: string;
  readonly holders: readonly NamePattern[];
  readonly grant: Identity['grant'];
}

const ANY: GrantedSubject = { organizations: ['*'], organizationalUnits: ['*'] };
const NONE: GrantedSubject = { organizations: [], organizationalUnits: [] };

/**
 * Callers of `sign` with credentials of this service: whoever may use the REST API, for the same, and holders of a client certificate to which a
 * configured rule applies.
 */
export function clientAsker({ clients, authentication, issuance }: ClientAskerOptions): Asker {
  const rules: readonly Rule[] = Object.entries(clients).map(([name, { profile, holders, profiles, names, maxValidity, organizations, organizationalUnits }]) => ({
    name, profile, organizations, organizationalUnits,
    holders: holders.map(compileNamePattern),
    grant: { profiles, names, ...(maxValidity === undefined ? {} : { maxValidity }) },
  }));

  const byRule = ({ identity, record }: Holder): { readonly identity: Identity; readonly granted: GrantedSubject } => {
    const names = namesOf(record.certificate ?? new Uint8Array());
    const rule = rules.find(({ profile, holders }) => profile === record.profile && holders.some((pattern) => names.some((name) => pattern.matches(name))));
    if (rule === undefined) throw new Refused('forbidden', `Client certificate ${record.id} of profile ${record.profile} may not sign here: no rule of cfssl.clients applies to it.`);
    const { name, serial } = identity;
    return { identity: { kind: 'cfssl', name: `client/${name}`, proof: `${identity.proof}, by cfssl.clients.${rule.name}`, grant: rule.grant, scopes: [], ...(serial === undefined ? {} : { serial }) }, granted: rule };
  };

  return {
    ask: async (request, wanted) => {
      if (request.headers.authorization === undefined && peerCertificate(request) === undefined) return undefined;
      const { identity, granted } = await (async () => {
        if (request.headers.authorization !== undefined) return own(await authentication.identify(request));
        const holder = await authentication.holder(request);
        return mayAsk(holder.identity) ? own(holder.identity) : byRule(holder);
      })();
      return { input: inputFor(identity, wanted, granted, issuance), refusedWith: 400 };
    },
  };
}

/** With their own permissions; only operators may choose the subject. */
const own = (identity: Identity): { readonly identity: Identity; readonly granted: GrantedSubject } => ({ identity, granted: identity.grant.operator === true ? ANY : NONE });

function namesOf(der: Uint8Array): Name[] {
  const certificate = parseCertificate(der);
  const commonName = commonNameOf(certificate.subjectName);
  return [...certificateNames(certificate.extensions), ...(commonName === undefined ? [] : [{ kind: 'text', value: commonName } as const])];
}
