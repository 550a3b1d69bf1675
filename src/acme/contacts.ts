import { X509Error } from '../x509/errors.ts';
import { textToName } from '../x509/general-name.ts';
import { AcmeError, malformed } from './problem.ts';

const MOST = 10;
const LONGEST = 320;

/**
 * The contacts of an account (RFC 8555 7.3): `mailto:` with one address and nothing else (RFC 6068 without hfields).
 * @throws AcmeError `malformed`, `unsupportedContact`, `invalidContact`
 */
export function readContacts(value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > MOST) throw malformed(`"contact" is not a list of at most ${MOST} URLs.`);
  return value.map((contact: unknown) => {
    if (typeof contact !== 'string') throw malformed('A contact is not a string.');
    const shown = JSON.stringify(contact.slice(0, LONGEST));
    if (!/^mailto:/i.test(contact)) throw new AcmeError('unsupportedContact', `The contact ${shown} has a scheme that is not supported; expected mailto.`);
    const address = contact.slice('mailto:'.length);
    if (contact.length > LONGEST || /[?,%\s]/.test(address) || !isMailbox(address)) throw new AcmeError('invalidContact', `The contact ${shown} is not a mailto URL with one address (RFC 8555 7.3).`);
    return contact;
  });
}

function isMailbox(address: string): boolean {
  try {
    return address.includes('@') && textToName(address).kind === 'email';
  } catch (error) {
    if (error instanceof X509Error) return false;
    throw error;
  }
}
