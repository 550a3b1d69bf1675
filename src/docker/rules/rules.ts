import { matchesText } from '../../identity/rules/text-pattern.ts';
import { compileNamePattern, type Name } from '../../policy/name-pattern.ts';
import type { PeerCertificate } from '../peer-certificate.ts';
import { apiPath } from './api-path.ts';
import { type Action, type Endpoint, endpointsOf } from './endpoints.ts';
import type { CallSettings, ClientSettings, RuleSettings } from './rules-schema.ts';

/** A client whose certificate is valid. */
export interface Client {
  readonly peer: PeerCertificate;
  /** The authority that issued it. */
  readonly authority: string | undefined;
}

/** `reason` is for the client and the log. */
export type RuleDecision = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };

/** Decides which client may make which calls. */
export type Rules = (client: Client, method: string, uri: string) => RuleDecision;

/** The calls named by a rule. */
interface Calls {
  readonly actions: ReadonlySet<Action | Endpoint>;
  readonly isNamed: (method: string, path: string) => boolean;
}

interface Rule {
  readonly name: string;
  readonly isFor: (client: Client) => boolean;
  readonly allow: Calls;
  readonly deny: Calls | undefined;
}

/** Compiles checked settings. The first rule that matches the client decides; a client that none matches may do nothing. */
export function compileRules(settings: readonly RuleSettings[]): Rules {
  const rules = settings.map(compileRule);
  return (client, method, uri) => {
    const rule = rules.find(({ isFor }) => isFor(client));
    return rule === undefined ? { allowed: false, reason: 'no rule is for this certificate' } : decide(rule, method, uri);
  };
}

function decide({ name, allow, deny }: Rule, method: string, uri: string): RuleDecision {
  const denied = (reason: string): RuleDecision => ({ allowed: false, reason: `rule ${name}: ${reason}` });
  // A client that may do everything may also make calls that are not recognized here.
  if (deny === undefined && allow.actions.has('all')) return { allowed: true };
  const path = apiPath(uri);
  if (path === undefined) return denied('the path cannot be understood');
  const kinds = endpointsOf(method, path);
  const hit = kinds.find((kind) => deny?.actions.has(kind) === true);
  if (hit !== undefined || deny?.actions.has('all') === true || deny?.isNamed(method, path) === true) return denied(`${hit ?? 'this'} is denied`);
  if (allow.isNamed(method, path)) return { allowed: true };
  if (kinds.length === 0) return denied('the call is not known');
  const missing = kinds.find((kind) => kind !== 'hello' && !allow.actions.has('all') && !allow.actions.has(kind));
  return missing === undefined ? { allowed: true } : denied(`${missing} is not allowed`);
}

function compileRule({ name, clients, allow, deny }: RuleSettings): Rule {
  const fits = clients?.map(compileClients);
  return { name, isFor: (client) => fits === undefined || fits.some((fit) => fit(client)), allow: compileCalls(allow), deny: deny === undefined ? undefined : compileCalls(deny) };
}

function compileCalls(calls: readonly (Action | CallSettings)[]): Calls {
  const named = calls.flatMap((call) => (typeof call === 'string' ? [] : [{ methods: new Set<string>(call.methods), path: patternOf(call.path) }]));
  return {
    actions: new Set(calls.filter((call) => typeof call === 'string')),
    isNamed: (method, path) => named.some((call) => call.methods.has(method) && call.path.test(path)),
  };
}

const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll(/\*\*|\*|[.+]/g, (part) => (part === '**' ? '.+' : part === '*' ? '[^/]+' : `\\${part}`))}$`);

function compileClients({ commonName, organizationalUnit, organization, name, authority }: ClientSettings): (client: Client) => boolean {
  const names = name?.map(compileNamePattern);
  const some = (patterns: readonly string[] | undefined, values: readonly string[]): boolean =>
    patterns === undefined || values.some((value) => patterns.some((pattern) => matchesText(pattern, value)));
  return ({ peer, authority: issuer }) => some(commonName, peer.commonNames)
    && some(organizationalUnit, peer.organizationalUnits)
    && some(organization, peer.organizations)
    && some(authority, issuer === undefined ? [] : [issuer])
    && (names === undefined || peer.names.some((each: Name) => names.some(({ matches }) => matches(each))));
}
