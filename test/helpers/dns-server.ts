import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Test } from 'tap';
import { parseIpAddress } from '../../src/x509/ip-address.ts';

/** RFC 1035 section 3.2.2, RFC 3596, RFC 8659. */
const TYPES = { A: 1, CNAME: 5, TXT: 16, AAAA: 28, CAA: 257 } as const;
export type RecordType = keyof typeof TYPES;

/** How the server treats a question instead of answering from its records. */
export type Behaviour = 'nxdomain' | 'servfail' | 'refused' | 'silent' | 'garbage' | 'short' | 'other-name' | 'other-id';

export interface Asked {
  readonly name: string;
  readonly type: RecordType | undefined;
  readonly tcp: boolean;
}

/** A name server that answers with the records set by a test, and misbehaves on request. */
export interface DnsServer {
  /** `host:port`, for UDP and TCP. */
  readonly address: string;
  readonly asked: Asked[];
  /** Replaces a name's records. Each is text: an address, a name, a TXT of any length, `flags tag value` for CAA. A function is called per query. */
  readonly set: (name: string, type: RecordType, ...records: readonly string[] | readonly [(count: number) => string]) => void;
  readonly behave: (name: string, behaviour: Behaviour, type?: RecordType) => void;
}

const CODES: Readonly<Partial<Record<Behaviour, number>>> = { servfail: 2, nxdomain: 3, refused: 5 };
const MOST_UDP = 512;
const MOST_CHAIN = 16;

export async function startDns(t: Pick<Test, 'teardown'>): Promise<DnsServer> {
  const records = new Map<string, readonly (string | ((count: number) => string))[]>();
  const behaviours = new Map<string, Behaviour>();
  const asked: Asked[] = [];

  const answer = (query: Buffer, tcp: boolean): Buffer | undefined => {
    const { name, end } = readName(query);
    const type = (Object.keys(TYPES) as RecordType[]).find((each) => TYPES[each] === query.readUInt16BE(end));
    asked.push({ name, type, tcp });
    const behaviour = behaviours.get(`${name} ${type}`) ?? behaviours.get(name);
    if (behaviour === 'silent') return undefined;
    if (behaviour === 'garbage') return Buffer.concat([query.subarray(0, 2), Buffer.alloc(200, 0xc1)]);
    const answers: Buffer[] = [];
    let owner = name;
    for (let i = 0; i < MOST_CHAIN && type !== 'CNAME' && records.has(`${owner} CNAME`); i++) {
      const target = String(records.get(`${owner} CNAME`)?.[0]);
      answers.push(resource(owner, TYPES.CNAME, writeName(target)));
      owner = target;
    }
    const count = asked.filter((one) => one.name === name && one.type === type).length;
    for (const text of (type === undefined ? [] : records.get(`${owner} ${type}`)) ?? []) answers.push(resource(owner, TYPES[type!], data(type!, typeof text === 'string' ? text : text(count))));
    const question = behaviour === 'other-name' ? Buffer.concat([writeName('other.example'), query.subarray(end, end + 4)]) : query.subarray(12, end + 4);
    const build = (given: readonly Buffer[], truncated: boolean): Buffer => {
      const head = Buffer.alloc(12);
      head.writeUInt16BE(behaviour === 'other-id' ? query.readUInt16BE(0) ^ 1 : query.readUInt16BE(0), 0);
      head.writeUInt16BE(0x8180 | (truncated ? 0x0200 : 0) | (CODES[behaviour ?? 'silent'] ?? 0), 2);
      head.writeUInt16BE(1, 4);
      head.writeUInt16BE(given.length, 6);
      return Buffer.concat([head, question, ...given]);
    };
    const whole = build(CODES[behaviour ?? 'silent'] === undefined ? answers : [], false);
    if (behaviour === 'short') return whole.subarray(0, whole.length - 3);
    return !tcp && whole.length > MOST_UDP ? build([], true) : whole;
  };

  const { udp, tcp, port } = await listen();
  udp.on('message', (query, from) => {
    const reply = answer(query, false);
    if (reply !== undefined) udp.send(reply, from.port, from.address);
  });
  const open = new Set<Socket>();
  tcp.on('connection', (socket) => {
    open.add(socket);
    let got = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (part) => {
      got = Buffer.concat([got, part]);
      while (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) {
        const reply = answer(got.subarray(2, 2 + got.readUInt16BE(0)), true);
        got = got.subarray(2 + got.readUInt16BE(0));
        if (reply !== undefined) socket.write(Buffer.concat([uint16(reply.length), reply]));
      }
    });
  });
  t.teardown(() => {
    udp.close();
    tcp.close();
    for (const socket of open) socket.destroy();
  });
  return {
    address: `127.0.0.1:${port}`, asked,
    set: (name, type, ...given) => void records.set(`${name} ${type}`, given),
    behave: (name, behaviour, type) => void behaviours.set(type === undefined ? name : `${name} ${type}`, behaviour),
  };
}

/** Listens on the same port for UDP and TCP. */
async function listen(): Promise<{ readonly udp: UdpSocket; readonly tcp: Server; readonly port: number }> {
  for (;;) {
    const udp = createSocket('udp4').bind(0, '127.0.0.1');
    await once(udp, 'listening');
    const { port } = udp.address();
    const tcp = createServer();
    const isOpen = await new Promise<boolean>((resolve) => {
      tcp.once('error', () => resolve(false));
      tcp.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (isOpen) return { udp, tcp, port };
    udp.close();
  }
}

const uint16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const writeName = (name: string): Buffer => Buffer.concat([...name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])), Buffer.from([0])]);

/** The name in the only question, in lower case, and the offset after it. */
function readName(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

/** With a TTL of one hour, so that caching would be noticed. */
const resource = (name: string, type: number, content: Buffer): Buffer =>
  Buffer.concat([writeName(name), uint16(type), uint16(1), Buffer.from([0, 0, 14, 16]), uint16(content.length), content]);

function data(type: RecordType, text: string): Buffer {
  if (type === 'CNAME') return writeName(text);
  if (type === 'A' || type === 'AAAA') return Buffer.from(parseIpAddress(text) ?? []);
  if (type === 'CAA') {
    const [flags = '0', tag = '', ...value] = text.split(' ');
    return Buffer.concat([Buffer.from([Number(flags), tag.length]), Buffer.from(tag + value.join(' '), 'latin1')]);
  }
  const parts = text.match(/.{1,255}/gs) ?? [''];
  return Buffer.concat(parts.map((part) => Buffer.concat([Buffer.from([part.length]), Buffer.from(part, 'latin1')])));
}
