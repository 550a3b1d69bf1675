import { name } from './name.ts';

const KIND_BYTES = 8;
const ID = /^(?:[0-9a-f]{2}){4,32}$/;

/** The key of an object: its kind, then its id, as octets if it is hex, so that ids with a common time prefix are adjacent. */
export const objectKey = (kind: string, id: string): Buffer =>
  Buffer.concat([name(kind).subarray(0, KIND_BYTES), ID.test(id) ? Buffer.from(`00${id}`, 'hex') : Buffer.concat([Buffer.of(1), name(id)])]);
