import { makeAddressGuard } from '../../outgoing/address-guard.ts';
import { CallFailed } from '../../outgoing/call-failed.ts';
import { TimeUp, within } from '../../outgoing/deadline.ts';
import { makeDial } from '../../outgoing/dial.ts';
import { makeResolver } from '../../outgoing/resolver.ts';
import { forbidden, relevantRecords } from './caa.ts';
import { validateDns01, validateDnsAccount01 } from './dns-01.ts';
import { validateDnsPersist01 } from './dns-persist-01.ts';
import { validateHttp01 } from './http-01.ts';
import { invalid, VALID } from './outcome.ts';
import type { ValidationSettings } from './settings.ts';
import { validateTlsAlpn01 } from './tls-alpn-01.ts';
import type { ChallengeType, ValidationOutcome, ValidationRequest, Validators } from './validator.ts';

type Validate = (request: ValidationRequest, signal: AbortSignal) => Promise<ValidationOutcome>;

/** @param now milliseconds since the epoch */
export function makeValidators(settings: ValidationSettings, now: () => number): Validators {
  const resolver = makeResolver(settings.resolver);
  const dial = makeDial(resolver, makeAddressGuard(settings.permitNetworks));
  const milliseconds = settings.timeout * 1000;

  const methods: Readonly<Record<ChallengeType, Validate>> = {
    'http-01': (request, signal) => validateHttp01(dial, { http: settings.http01Port, https: settings.tlsAlpn01Port }, request, signal),
    'tls-alpn-01': (request, signal) => validateTlsAlpn01(dial, settings.tlsAlpn01Port, request, signal),
    'dns-01': (request, signal) => validateDns01(resolver, request, signal),
    'dns-account-01': (request, signal) => validateDnsAccount01(resolver, request, signal),
    'dns-persist-01': (request, signal) => validateDnsPersist01(resolver, settings.caa.identities, Math.floor(now() / 1000), request, signal),
  };

  /** Converts the peer's behaviour to an outcome. @param late the kind of failure if time runs out */
  const outcomeOf = async (late: 'connection' | 'dns', work: Promise<ValidationOutcome>, signal: AbortSignal): Promise<ValidationOutcome> => {
    try {
      return await work;
    } catch (error) {
      if (signal.reason instanceof TimeUp) return invalid(late, `the validation was not completed within ${settings.timeout} s`, true);
      if (signal.aborted) return invalid('serverInternal', 'the validation was interrupted', true);
      if (error instanceof CallFailed) return invalid(error.fault, error.message, error.again);
      throw error;
    }
  };

  const checkCaa = async ({ identifier, ...asking }: Parameters<Validators['caa']>[0], signal: AbortSignal): Promise<ValidationOutcome> => {
    if (identifier.type === 'ip' || !settings.caa.applies(identifier.value)) return VALID;
    const relevant = await relevantRecords(resolver, identifier.value, signal);
    const why = relevant === undefined ? undefined : forbidden(relevant, asking, settings.caa.identities);
    return why === undefined ? VALID : invalid('caa', why);
  };

  return {
    async validate(request, signal) {
      const misfit = misfitOf(request);
      if (misfit !== undefined) return invalid('malformed', misfit);
      const [control, caa] = await within(milliseconds, signal, (attempt) => Promise.all([
        outcomeOf(LATE[request.type], methods[request.type](request, attempt), attempt),
        outcomeOf('dns', checkCaa(request, attempt), attempt),
      ]));
      // A definite failure takes precedence over one that may be temporary.
      return [caa, control].find((one) => one.outcome === 'invalid' && !one.again) ?? (control.outcome === 'invalid' ? control : caa);
    },
    async caa(request, signal) {
      const outcome = await within(milliseconds, signal, (attempt) => outcomeOf('dns', checkCaa(request, attempt), attempt));
      return outcome.outcome === 'valid' ? undefined : outcome.problem;
    },
  };
}

/** The kind of failure if time runs out. */
const LATE: Readonly<Record<ChallengeType, 'connection' | 'dns'>> = {
  'http-01': 'connection', 'tls-alpn-01': 'connection', 'dns-01': 'dns', 'dns-account-01': 'dns', 'dns-persist-01': 'dns',
};

/** Challenge types that do not apply to such a name (RFC 8555 8.3, RFC 8737 3, RFC 8738 4), and are not offered for it. */
function misfitOf({ type, identifier, wildcard }: ValidationRequest): string | undefined {
  if (identifier.type === 'ip' && type.startsWith('dns-')) return `${type} cannot validate IP addresses`;
  if (wildcard && !type.startsWith('dns-')) return `${type} cannot validate wildcards`;
  return undefined;
}

