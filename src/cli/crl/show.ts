import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { under } from '../../client/address.ts';
import { exchange } from '../../client/exchange.ts';
import { Failure } from '../../client/failure.ts';
import { type Certificate, parseCertificate } from '../../x509/certificate.ts';
import { type Crl, parseCrl, revokedEntries } from '../../x509/crl.ts';
import type { RevokedEntry } from '../../x509/crl-entry.ts';
import { decodeCrlNumber, decodeIssuingDistributionPoint } from '../../x509/crl-extensions.ts';
import { distinguishedNameToText } from '../../x509/distinguished-name.ts';
import { X509Error } from '../../x509/errors.ts';
import { valueOf } from '../../x509/extension.ts';
import { decodeAuthorityKeyIdentifier, decodeCrlDistributionPoints, decodeSubjectKeyIdentifier } from '../../x509/extensions.ts';
import { OID } from '../../x509/oids.ts';
import { decodeBase64, decodePem, pemOrDerOrBase64 } from '../../x509/pem.ts';
import { verifySignature } from '../../x509/signature.ts';
import { JSON_OPTION, integerArgument, withExamples } from '../arguments.ts';
import type { Context } from '../context.ts';
import { issuingHere } from '../issuing-authority.ts';
import { writeResult } from '../result.ts';
import { DATA_OPTION, type PlaceOptions, publishedUrl } from '../settings.ts';
import { type Style, fields, showTime, showTimeFrom, table } from '../text.ts';

interface Options extends PlaceOptions {
  readonly authority?: string;
  readonly document: string;
  readonly issuer?: string;
  readonly limit: number;
  readonly json?: boolean;
}

/** In bytes: about two million entries. A CRL is public, and may come from anywhere. */
const MOST_CRL = 128 * 1024 * 1024;

const ELSEWHERE = 'start it with \'chancery serve\', or name a file, or an address such as http://ca.example.com:8080/crl/issuing.crl';

interface ShownCrl {
  readonly issuer: string;
  readonly number: string | undefined;
  /** The BaseCRLNumber of a delta CRL. */
  readonly base: string | undefined;
  /** The distribution points of a shard. */
  readonly at: readonly string[] | undefined;
  /** The distribution points of the delta CRL. */
  readonly freshest: readonly string[] | undefined;
  readonly thisUpdate: string;
  readonly nextUpdate: string;
  readonly expired: boolean;
  readonly signature: 'good' | 'not checked';
  readonly count: number;
  readonly entries: readonly { readonly serial: string; readonly at: string; readonly reason: string }[];
}

/** `crl show`: the content of a CRL. */
export function addCrlShow(parent: Command, context: Context): void {
  const command = parent.command('show')
    .summary('show a CRL')
    .description('Show a CRL: a file, an address, or the one that the service publishes')
    .argument('[source]', 'a file (DER or PEM) or an http(s) address')
    .option('--authority <name>', 'without a source: whose CRL (default: the authority that issues now)')
    .option('--document <name>', 'without a source: full, delta, or a shard such as 128-5', 'full')
    .option('--issuer <file>', 'check the signature with this certificate; if the file has several, with the one that signed')
    .option('--limit <n>', 'number of entries to show', integerArgument(0, 10_000_000), 20)
    .option(...DATA_OPTION)
    .option(...JSON_OPTION)
    .action(async (source: string | undefined, options: Options) => {
      const from = source ?? under(await publishedUrl(context, options), pathOf(options.authority ?? await issuingHere(context, options), options.document)).href;
      const crl = readCrl(await fetchCrl(from), from, options.issuer);
      const shown = describe(crl, options, context.now());
      writeResult(context, options.json, shown, (paint) => show(shown, context.now(), paint));
    });
  withExamples(command, [
    ['the issuing authority\'s, from the running service', 'chancery crl show'],
    ['its delta, and one shard of 128', 'chancery crl show --document delta; chancery crl show --document 128-5'],
    ['a file, with its signature checked', 'chancery crl show issuing.crl --issuer chancery-data/authorities/issuing/cert.pem'],
    ['is a certificate on it?', 'chancery crl show https://ca.example.com/crl/issuing.crl --limit 1000000 --json | jq \'.entries[] | select(.serial == "069b3f1d")\''],
  ]);
}

const pathOf = (authority: string, document: string): string =>
  `/crl/${encodeURIComponent(authority)}${document === 'full' ? '' : `/${encodeURIComponent(document)}`}.crl`;

async function fetchCrl(from: string): Promise<Uint8Array> {
  if (!/^https?:\/\//i.test(from)) return readFileSync(from);
  if (!URL.canParse(from)) throw new Failure('usage', `'${from}' is not an address`, { advice: 'expected a file or an http address' });
  const reply = await exchange({ method: 'GET', url: new URL(from), mostReply: MOST_CRL }).catch((error: unknown) => {
    throw error instanceof Failure && error.code === 'unreachable' ? new Failure('unreachable', error.message, { advice: ELSEWHERE, cause: error }) : error;
  });
  if (reply.status !== 200) throw new Failure('bad-reply', `${from} answered ${reply.status}`, { advice: 'expected a CRL; \'chancery authority list\' shows the authorities' });
  return reply.body;
}

function readCrl(bytes: Uint8Array, from: string, issuer: string | undefined): Crl {
  const crl = reading(from, () => parseCrl(derOf(bytes)));
  if (issuer !== undefined) {
    const certificates = reading(issuer, () => certificatesOf(readFileSync(issuer)).map(parseCertificate));
    reading(from, () => verifySignature(crl, signerOf(crl, certificates, issuer).publicKey));
  }
  return crl;
}

/** Accepts DER, base64, or PEM with one or more certificates, such as a chain. */
const certificatesOf = (bytes: Uint8Array): readonly Uint8Array[] =>
  (Buffer.from(bytes).includes('-----BEGIN') ? decodePem(Buffer.from(bytes).toString('latin1'), 'CERTIFICATE') : [pemOrDerOrBase64(bytes, 'CERTIFICATE')]);

/** The certificate whose subject and, if several share it, whose key the CRL names as its issuer (RFC 5280 section 5.2.1). */
function signerOf(crl: Crl, certificates: readonly Certificate[], file: string): Certificate {
  const named = certificates.filter(({ subject }) => isSame(subject, crl.issuer));
  const key = valueOf(crl, OID.authorityKeyIdentifier, decodeAuthorityKeyIdentifier);
  const signer = named.find((certificate) => isSame(valueOf(certificate, OID.subjectKeyIdentifier, decodeSubjectKeyIdentifier), key)) ?? named[0];
  if (signer !== undefined) return signer;
  const held = certificates.map(({ subjectName }) => distinguishedNameToText(subjectName)).join('; ');
  throw new Failure('check-failed', `the CRL was signed by ${distinguishedNameToText(crl.issuerName)}, whose certificate is not in ${file}`, { advice: `it holds: ${held}` });
}

const isSame = (left: Uint8Array | undefined, right: Uint8Array | undefined): boolean => left !== undefined && right !== undefined && Buffer.compare(left, right) === 0;

// A PEM CRL may be far longer than any other PEM text.
function derOf(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === 0x30) return bytes;
  const [, base64] = /-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/.exec(Buffer.from(bytes).toString('latin1')) ?? [];
  if (base64 === undefined) throw new X509Error('bad-pem', 'expected DER, or PEM with the label X509 CRL');
  return decodeBase64(base64.replaceAll(/\s/g, ''));
}

function reading<T>(from: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    throw new Failure('check-failed', `${from}: ${error.detail}`, { cause: error });
  }
}

function describe(crl: Crl, { issuer, limit }: Options, now: number): ShownCrl {
  const entries: RevokedEntry[] = [];
  let count = 0;
  for (const entry of revokedEntries(crl)) {
    count += 1;
    if (entries.length < limit) entries.push(entry);
  }
  return {
    issuer: distinguishedNameToText(crl.issuerName),
    number: valueOf(crl, OID.cRLNumber, decodeCrlNumber)?.toString(),
    base: valueOf(crl, OID.deltaCRLIndicator, decodeCrlNumber)?.toString(),
    at: valueOf(crl, OID.issuingDistributionPoint, (bytes) => decodeIssuingDistributionPoint(bytes).urls),
    freshest: valueOf(crl, OID.freshestCRL, decodeCrlDistributionPoints),
    thisUpdate: isoOf(crl.thisUpdate),
    nextUpdate: isoOf(crl.nextUpdate),
    expired: crl.nextUpdate * 1000 < now,
    signature: issuer === undefined ? 'not checked' : 'good',
    count,
    entries: entries.map(({ serial, at, reason }) => ({ serial, at: isoOf(at), reason })),
  };
}

const isoOf = (seconds: number): string => new Date(seconds * 1000).toISOString();

function show(crl: ShownCrl, now: number, paint: (style: Style, text: string) => string): string {
  const head = fields([
    ['issuer', crl.issuer],
    ['number', crl.number],
    ['delta to', crl.base],
    ['shard at', crl.at?.join(', ')],
    ['delta at', crl.freshest?.join(', ')],
    ['this update', showTimeFrom(now, crl.thisUpdate)],
    ['next update', showTimeFrom(now, crl.nextUpdate)],
    ['signature', crl.signature === 'good' ? 'good' : 'not checked (--issuer FILE checks it)'],
    ['revoked', String(crl.count)],
  ], paint);
  if (crl.entries.length === 0) return head;
  const rows = table(['SERIAL', 'REVOKED', 'REASON'], crl.entries.map(({ serial, at, reason }) => [serial, showTime(at), reason]), paint);
  const rest = crl.count - crl.entries.length;
  return `${head}\n${rows}${rest === 0 ? '' : `and ${rest} more (--limit)\n`}`;
}
