import { X509Certificate } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, statSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { authoritiesFolder, authorityFiles, ISSUING } from '../../authority/layout.ts';
import { authorityNames as namesIn, reignsAt, successionOf } from '../../authority/succession.ts';
import { damagedOperatorKey } from '../../authority/operator-key.ts';
import { Failure } from '../../client/failure.ts';
import { isThere } from '../../is-there.ts';
import { showSpan } from '../text.ts';
import { type Check, type Finding, type Patient, fail, ok, warn } from './check.ts';

/** Permissions of users other than the owner. */
const FOREIGN = 0o077;
const FOREIGN_WRITE = 0o022;
/** Files in the data folder that contain secrets, besides the authorities' keys. */
const OTHER_SECRETS = ['operator/key.pem', 'service/https.pem', 'secret.key'];
const LEAST_SPACE = 100 * 1024 * 1024;
const DAY = 86_400_000;
/** A certificate with less than this share of its life left needs attention. */
const LEAST_SHARE = 0.1;

/** Checks of the machine that the service runs on. */
export const FILE_CHECKS: readonly Check[] = [
  { name: 'configuration', look: configuration },
  { name: 'data folder', look: dataFolder },
  { name: 'key files', needs: ['data folder'], look: keyFiles },
  { name: 'authorities', needs: ['data folder'], look: authorities },
  { name: 'operator', needs: ['data folder'], look: operator },
  { name: 'store', needs: ['configuration', 'data folder'], look: store },
];

function configuration({ data, config, configFault }: Patient): Finding {
  if (config === undefined) throw configFault;
  if (config.file !== undefined) return ok(config.file);
  // If the folder does not exist either, say so, and what creates both.
  return existsSync(data) ? warn('no file; the defaults apply', '\'chancery init\' writes one') : ok('no file; the defaults apply');
}

function dataFolder({ data }: Patient): Finding {
  if (!isThere(data)) throw new Failure('file', `${data} does not exist`, { advice: 'make it with \'chancery init\', or name it with --data' });
  accessSync(data, constants.R_OK | constants.X_OK);
  const { mode } = statSync(data);
  if ((mode & FOREIGN_WRITE) !== 0) return fail(`${data} can be written by others (${octal(mode)})`, `chmod 700 ${data}`);
  return ok(`${data} (${octal(mode)})`);
}

function keyFiles({ data }: Patient): Finding {
  const keys = [...authorityNames(data).map((name) => authorityFiles(data, name).key), ...OTHER_SECRETS.map((name) => join(data, name))].filter((path) => existsSync(path));
  const exposed = keys.filter((path) => (statSync(path).mode & FOREIGN) !== 0);
  if (exposed.length > 0) return fail(`others may read ${exposed.join(', ')}`, `chmod 600 ${exposed.join(' ')}, and treat them as stolen`);
  return keys.length === 0 ? warn('none', 'make them with \'chancery init\'') : ok(`${keys.length}, readable only by their owner`);
}

function authorities({ data, context, config }: Patient): Finding {
  const names = authorityNames(data);
  if (names.length === 0) return fail(`none in ${data}`, 'make them with \'chancery init\'');
  const waiting = names.filter((name) => !existsSync(authorityFiles(data, name).certificate));
  if (waiting.length > 0) {
    return warn(`${waiting.join(', ')} waits for another CA's signature`, `have ${authorityFiles(data, waiting[0] ?? '').request} signed, then 'chancery ${waiting[0] === ISSUING ? 'init --import' : `authority import ${waiting[0] ?? ''}`}'`);
  }
  const now = context.now();
  const succession = successionOf(data, config?.authority.issuing);
  const current = succession.findIndex(({ name }) => name === reignsAt(succession, now / 1000));
  const former = succession.slice(0, current).map(({ name }) => name);
  return endsOf(names.map((name) => ({ name, path: authorityFiles(data, name).certificate, isFormer: former.includes(name) })), now, {
    soon: 'make a new one in time: everything it signed expires with it', ended: `make one that takes its place: 'chancery authority roll ${succession[current]?.name ?? ISSUING}'`,
  });
}

function operator({ data, context }: Patient): Finding {
  const path = join(data, 'operator', 'cert.pem');
  if (!existsSync(path)) return warn('no certificate here', 'operators authenticate with --cert and --key, or CHANCERY_API_KEY');
  const key = damagedOperatorKey(data);
  if (key !== undefined) return fail(`${key} is damaged, or the key of another certificate`, 'restore the right one, or make another operator with \'chancery init --operator\'');
  return endsOf([{ name: 'operator', path }], context.now(), {
    soon: 'ask for a new one of profile operator, or make an API key', ended: 'make another with \'chancery init --operator\'',
  });
}

function store({ config }: Patient): Finding {
  if (config === undefined) throw new Failure('file', 'not known without a configuration');
  const { url } = config.store;
  if (url.kind === 'redis') return ok(`Redis at ${url.hosts.map(({ host, port }) => `${host}:${port}`).join(', ')}; the service's readiness shows whether it can be used`);
  const { folder } = url;
  if (!existsSync(folder)) return warn(`${folder} does not exist yet`, 'it is made when the service first starts');
  accessSync(folder, constants.R_OK | constants.W_OK);
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const megabytes = `${Math.floor(free / 1024 / 1024)} MiB free`;
  return free < LEAST_SPACE ? warn(`${folder}, ${megabytes}`, 'free some space: without it nothing can be issued or revoked') : ok(`${folder}, ${megabytes}`);
}

const authorityNames = (data: string): string[] => (existsSync(authoritiesFolder(data)) ? namesIn(data) : []);

/** When the first of some certificates expires. Former authorities are ignored once theirs has expired. */
function endsOf(files: readonly { readonly name: string; readonly path: string; readonly isFormer?: boolean }[], now: number, { soon, ended }: { readonly soon: string; readonly ended: string }): Finding {
  const all = files.map(({ name, path, isFormer = false }) => ({ name, isFormer, ...lifeOf(new X509Certificate(readFileSync(path))) }));
  const lives = all.filter(({ isFormer }) => !isFormer);
  const words = all.map(({ name, isFormer, end }) => `${name}${isFormer ? ' (former)' : ''} ${end < now ? 'expired' : `valid for ${showSpan((end - now) / 1000)}`}`).join(', ');
  if (lives.some(({ end }) => end < now)) return fail(words, ended);
  const late = lives.some(({ begin, end }) => end - now < Math.min((end - begin) * LEAST_SHARE, 365 * DAY));
  return late ? warn(words, soon) : ok(words);
}

const lifeOf = (certificate: X509Certificate) => ({ begin: Date.parse(certificate.validFrom), end: Date.parse(certificate.validTo) });
const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(4, '0');
