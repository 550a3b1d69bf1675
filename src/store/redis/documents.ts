import { randomBytes } from 'node:crypto';
import { name } from '../name.ts';
import { sequenceOf } from '../crl-head.ts';
import type { CrlDocument } from '../crl-store.ts';
import { CRL_FIELDS, KEYS } from './keys.ts';
import type { Keyspace } from './keys.ts';

const GENERATION_BYTES = 16;

/** Octets in the keys, and text in the head for the scripts, with one character per octet. */
export const newGeneration = (): string => randomBytes(GENERATION_BYTES / 2).toString('hex');

const field = (kind: string, document: string): Buffer => Buffer.concat([Buffer.from(kind), name(document)]);

export const headField = (document: CrlDocument): Buffer => field(CRL_FIELDS.head, document);
export const sequenceField = (document: CrlDocument): Buffer => field(CRL_FIELDS.sequence, sequenceOf(document));

/** The key of a document's bytes. */
export const documentKey = (keys: Keyspace, authority: string, document: CrlDocument, generation: string): Buffer =>
  keys.of(KEYS.document, Buffer.concat([name(authority), name(document), Buffer.from(generation)]));
