import { type Static, Type } from 'typebox';
import { Choice, closed, optional, Texts } from '../../config/schema-parts.ts';
import { ACTIONS } from './endpoints.ts';

const Pattern = Type.String({ minLength: 1, maxLength: 512 });
const patterns = (description: string) => optional(Texts(description, { minItems: 1, item: Pattern }));

const Clients = Type.Object({
  commonName: patterns('Common names; * stands for any characters but /'),
  organizationalUnit: patterns('Organizational units, of which the certificate must have one'),
  organization: patterns('Organizations'),
  name: patterns('Names of the subjectAltName, as profiles have them: node1.example.com, *.example.com, 10.0.0.0/8, *@example.com'),
  authority: patterns('Names of authorities of the service'),
}, closed);

/** A call outside the kinds of `endpoints.ts`, or only one call of a kind. */
const Call = Type.Object({
  methods: Texts('Methods', { minItems: 1, item: Choice(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']) }),
  path: Type.String({
    pattern: '^(/([A-Za-z0-9._~:@+,=-]+|\\*|\\*\\*))+$', maxLength: 1024,
    description: 'a path of the API without its version, such as /containers/*/logs; * stands for one segment, ** for several',
  }),
}, closed);

const Calls = Type.Unsafe<(Static<typeof Call> | (typeof ACTIONS)[number])[]>({ type: 'array', items: Type.Union([Choice(ACTIONS), Call]), minItems: 1, description: 'Kinds of calls, or calls' });

const Rule = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 64, description: 'What it is called in logs and refusals' }),
  clients: optional(Type.Unsafe<Static<typeof Clients>[]>({
    type: 'array', items: Clients, minItems: 1, description: 'Whom it is for: one of these must fit, with all that it names; everybody where absent',
  })),
  allow: Calls,
  deny: optional(Calls),
}, closed);

/** The rules file: the first rule that matches a client decides, and a client without one may do nothing. */
export const RulesSchema = Type.Object({
  rules: Type.Unsafe<Static<typeof Rule>[]>({ type: 'array', items: Rule, minItems: 1, description: 'The rules, in order' }),
}, closed);

export type RuleSettings = Static<typeof Rule>;
export type CallSettings = Static<typeof Call>;
export type ClientSettings = Static<typeof Clients>;
