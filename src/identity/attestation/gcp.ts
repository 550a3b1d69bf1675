import { type Attestor, attributesOf, needed, unproved } from './attestor.ts';
import type { Challenge } from './challenge.ts';
import { membersOf, texts } from './document.ts';

export interface GcpSettings {
  /** Prefix of audiences. */
  readonly audience: string;
  /** Seconds after its creation during which a machine may attest; 0 for no limit. */
  readonly maxAge: number;
  /** Returns the claims of a token signed by Google's keys, valid now (seconds) and for this audience only. @throws Refused */
  readonly verify: (token: string, audience: string, now: number) => Promise<Readonly<Record<string, unknown>>>;
}

const SKEW = 300;
const FORMS = { project_id: /^[a-z0-9:.-]{4,64}$/, zone: /^[a-z0-9-]{1,64}$/, instance_id: /^\d{1,20}$/, instance_name: /^[a-z0-9-]{1,63}$/ } as const;

/**
 * The audience contains the challenge, since the machine chooses it: a token made for another challenge, or seen by another service, does not
 * match.
 */
export const gcpAudience = (base: string, { text }: Challenge): string => `${base}${base.includes('?') ? '&' : '?'}challenge=${text}`;

/** Proof by the identity token (`token`, a JWT in format `full`) that the metadata service creates for the challenge's audience. */
export function gcpAttestor({ audience, maxAge, verify }: GcpSettings): Attestor {
  return {
    kind: 'gcp',
    demands: (challenge) => ({ audience: gcpAudience(audience, challenge) }),
    attest: async ({ proof, challenge, now }) => {
      const claims = await verify(needed('gcp', proof, 'token'), gcpAudience(audience, challenge), now);
      const google = membersOf('gcp', '"google"', claims['google']);
      const machine = membersOf('gcp', '"google.compute_engine" (is the token of format full?)', google.get('compute_engine'));
      const { project_id: project, zone, instance_id: instanceId, instance_name: instanceName } = texts('gcp', machine, FORMS);
      checkAge(machine.get('instance_creation_timestamp'), maxAge, now);
      const number = machine.get('project_number');
      const { email } = claims;
      return {
        name: `${project}/${instanceId}`,
        attributes: attributesOf({
          project, projectNumber: Number.isSafeInteger(number) ? String(number) : undefined, zone, region: zone.replace(/-[a-z0-9]+$/, ''), instanceId, instanceName,
          serviceAccount: typeof email === 'string' && claims['email_verified'] === true ? email : undefined,
        }),
        proof: `instance ${instanceName} (${instanceId}) of Google project ${project} in ${zone}, by its identity token`,
      };
    },
  };
}

function checkAge(created: unknown, maxAge: number, now: number): void {
  if (maxAge === 0) return;
  if (typeof created !== 'number' || !(created - SKEW <= now)) throw unproved('gcp', '"instance_creation_timestamp" is missing, or in the future');
  if (now - created > maxAge) throw unproved('gcp', `the instance was created longer ago than the ${maxAge} s in which it may prove itself`);
}
