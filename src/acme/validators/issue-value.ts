/** The value of a CAA record of tag `issue` or `issuewild` (RFC 8659 4.2), also used by dns-persist-01. */
export interface IssueValue {
  /** Lower case; empty where nobody is named. */
  readonly issuer: string;
  /** In order, names in lower case; a name may be there twice. */
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
}

/** No record is so long that means something. */
const MOST_VALUE = 4_096;

const LABEL = '[A-Za-z0-9](?:-*[A-Za-z0-9])*';
const ISSUER = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const PARAMETER = new RegExp(`^(${LABEL})[ \\t]*=[ \\t]*([\\x21-\\x3a\\x3c-\\x7e]*)$`);

/** Undefined for text that is not of the grammar: of a CAA record that means that nobody may issue by it (RFC 8659 4.2). */
export function parseIssueValue(text: string): IssueValue | undefined {
  if (text.length > MOST_VALUE) return undefined;
  const [issuer = '', ...rest] = text.split(';').map((part) => part.replace(/^[ \t]+|[ \t]+$/g, ''));
  if (issuer !== '' && !ISSUER.test(issuer)) return undefined;
  // A semicolon with nothing behind it is of the grammar once, right behind the issuer.
  const written = rest.length === 1 && rest[0] === '' ? [] : rest;
  const parameters = written.map((part) => PARAMETER.exec(part));
  if (parameters.includes(null)) return undefined;
  return { issuer: issuer.toLowerCase(), parameters: parameters.map((match) => ({ name: match![1]!.toLowerCase(), value: match![2]! })) };
}

/** The values of a parameter; more than one where it was written twice. */
export const parameterValues = ({ parameters }: IssueValue, name: string): readonly string[] => parameters.filter((one) => one.name === name.toLowerCase()).map(({ value }) => value);
