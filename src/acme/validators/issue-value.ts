/** The value of a CAA record of tag `issue` or `issuewild` (RFC 8659 4.2), also used by dns-persist-01. */
export interface IssueValue {
  /** In lower case; empty if no issuer is named. */
  readonly issuer: string;
  /** In order, names in lower case, possibly repeated. */
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
}

/** No meaningful record is longer. */
const MOST_VALUE = 4_096;

const LABEL = '[A-Za-z0-9](?:-*[A-Za-z0-9])*';
const ISSUER = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const PARAMETER = new RegExp(`^(${LABEL})[ \\t]*=[ \\t]*([\\x21-\\x3a\\x3c-\\x7e]*)$`);

/** Undefined for text that violates the grammar: such a CAA record permits no issuance (RFC 8659 4.2). */
export function parseIssueValue(text: string): IssueValue | undefined {
  if (text.length > MOST_VALUE) return undefined;
  const [issuer = '', ...rest] = text.split(';').map((part) => part.replace(/^[ \t]+|[ \t]+$/g, ''));
  if (issuer !== '' && !ISSUER.test(issuer)) return undefined;
  // The grammar allows a single trailing semicolon right after the issuer.
  const written = rest.length === 1 && rest[0] === '' ? [] : rest;
  const parameters = written.map((part) => PARAMETER.exec(part));
  if (parameters.includes(null)) return undefined;
  return { issuer: issuer.toLowerCase(), parameters: parameters.map((match) => ({ name: match![1]!.toLowerCase(), value: match![2]! })) };
}

/** The values of a parameter; several if it is repeated. */
export const parameterValues = ({ parameters }: IssueValue, name: string): readonly string[] => parameters.filter((one) => one.name === name.toLowerCase()).map(({ value }) => value);
