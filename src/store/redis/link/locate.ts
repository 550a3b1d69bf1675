import { connect, type Connection, type Credentials, LinkDown, within } from './connection.ts';
import type { Command, Reply } from './link.ts';
import { type Endpoint, endpointText, type RedisLinkOptions } from './options.ts';
import { ErrorReply, listOf, meaningOf, textOf } from './replies.ts';

/** None of the sentinels or nodes responds. */
export class NobodyToAsk extends LinkDown {}

/**
 * Finds the primary that holds our keys. Throws LinkDown, also while another server is being promoted.
 * @param certain whether a majority of the known sentinels or nodes must answer
 */
export type Locate = (certain?: boolean) => Promise<Endpoint>;

/** The answer of one sentinel or node. */
interface Testimony {
  readonly primary: Endpoint;
  /** Increases with every failover: of two contradictory answers, the one with the higher epoch is more recent. */
  readonly epoch: number;
  /** A failover has begun, and the next primary is not determined yet. */
  readonly moving: boolean;
  /** Others that can be asked next time. */
  readonly others: readonly Endpoint[];
}

/** Milliseconds for a sentinel or node to answer. */
const ANSWERED_WITHIN = 1000;
/**
 * Milliseconds that others have once one has answered: the first one may be behind. Whoever leads a failover may be slow just then: its disk has
 * its vote to keep.
 */
const OTHERS_WITHIN = { commonly: 200, certain: ANSWERED_WITHIN } as const;
/** Upper bound of hosts learnt: limits what a server can make us remember. */
const MOST_KNOWN = 100;

export function locator(options: RedisLinkOptions): Locate {
  const { address } = options;
  const asked = { single: undefined, sentinel: askSentinel, cluster: askNode }[address.topology];
  if (asked === undefined) return () => Promise.resolve(address.hosts[0] as Endpoint);
  let learnt: readonly Endpoint[] = [];
  let highest = 0;
  const who = address.topology === 'sentinel' ? 'the sentinels' : 'the nodes of the Cluster';
  return async (certain = false) => {
    let known = address.hosts;
    const othersWithin = OTHERS_WITHIN[certain ? 'certain' : 'commonly'];
    const answers = await askAll(known, (host) => asked(host, options), othersWithin).catch((error: unknown) => {
      // None of the configured hosts responds, but others may.
      known = learnt;
      if (known.length === 0) throw error;
      return askAll(known, (host) => asked(host, options), othersWithin);
    });
    const best = answers.reduce((one, other) => (other.epoch > one.epoch ? other : one));
    const most = answers.length * 2 > known.length;
    if (certain && !most) throw new LinkDown(`only ${answers.length} of ${known.length} of ${who} answer, too few to know which server is the primary`);
    // A host that was cut off still names the previous primary. If the majority does, the epoch was reset.
    if (best.epoch < highest && !most) throw new LinkDown(`those of ${who} that answer know nothing of the last failover`);
    if (answers.some(({ moving }) => moving)) throw new LinkDown(`${who} are about to make another server the primary`);
    highest = best.epoch;
    learnt = best.others.slice(0, MOST_KNOWN);
    return best.primary;
  };
}

/** The answers of all that respond in time, at least one; otherwise LinkDown with the error of each. */
async function askAll(hosts: readonly Endpoint[], ask: (host: Endpoint) => Promise<Testimony>, othersWithin: number): Promise<readonly [Testimony, ...Testimony[]]> {
  const answers: Testimony[] = [];
  const faults: string[] = [];
  await new Promise<void>((resolve) => {
    let left = hosts.length;
    const one = (): void => {
      left -= 1;
      if (left === 0) resolve();
      else if (answers.length === 1) setTimeout(resolve, othersWithin);
    };
    for (const host of hosts) {
      ask(host).then((answer) => answers.push(answer), (error: unknown) => faults.push(error instanceof Error ? error.message : String(error))).finally(one);
    }
  });
  const [first, ...rest] = answers;
  if (first === undefined) throw new NobodyToAsk(faults.sort().join('; '));
  return [first, ...rest];
}

/** Connects, asks, and disconnects. */
async function question(host: Endpoint, credentials: Credentials, options: RedisLinkOptions, commands: readonly Command[]): Promise<readonly Reply[]> {
  let connection: Connection | undefined;
  try {
    connection = await connect(host, credentials, options, ANSWERED_WITHIN);
    const replies = await within(ANSWERED_WITHIN, connection.send(commands), `Redis ${endpointText(host)}: no answer within ${ANSWERED_WITHIN / 1000} s`);
    return replies.map((reply) => {
      if (reply instanceof ErrorReply) throw new LinkDown(`Redis ${endpointText(host)}: ${meaningOf(reply)}`, reply.code === 'NOPERM');
      return reply;
    });
  } finally {
    connection?.close();
  }
}

async function askSentinel(host: Endpoint, options: RedisLinkOptions): Promise<Testimony> {
  const name = options.address.name ?? '';
  const [master, address, sentinels] = await question(host, options.sentinel ?? {}, options, [['SENTINEL', 'MASTER', name], ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name], ['SENTINEL', 'SENTINELS', name]]);
  const about = fields(master ?? null);
  const [ip, port] = listOf(address).map((part) => textOf(part) ?? '');
  return {
    primary: { host: ip ?? '', port: Number(port) }, epoch: Number(about.get('config-epoch') ?? 0),
    // Both change when a new primary is promoted: the address at once, the details about the primary when the failover completes.
    moving: (about.get('flags') ?? '').includes('failover_in_progress') && about.get('ip') === ip && about.get('port') === port,
    others: listOf(sentinels).map((one) => fields(one)).map((one) => ({ host: one.get('ip') ?? '', port: Number(one.get('port')) })),
  };
}

/** A list of alternating names and values as a map. */
function fields(reply: Reply): ReadonlyMap<string, string> {
  const texts = listOf(reply).map((part) => textOf(part) ?? '');
  return new Map(texts.flatMap((name, index) => (index % 2 === 0 ? [[name, texts[index + 1] ?? '']] : [])));
}

async function askNode(host: Endpoint, options: RedisLinkOptions): Promise<Testimony> {
  const { address, hashTag } = options;
  const [nodes, slot] = await question(host, address, options, [['CLUSTER', 'NODES'], ['CLUSTER', 'KEYSLOT', `{${hashTag}}`]]);
  const all = (textOf(nodes) ?? '').split('\n').filter((line) => line !== '').map((line) => nodeOf(line, host));
  const owner = all.find(({ slots }) => slots.some(([from, to]) => from <= Number(slot) && Number(slot) <= to));
  if (owner === undefined) throw new LinkDown(`Redis ${endpointText(host)}: no node of the Cluster has slot ${String(slot)}, where the keys are`);
  return { primary: owner.endpoint, epoch: owner.epoch, moving: false, others: all.filter(({ alive }) => alive).map(({ endpoint }) => endpoint) };
}

interface ClusterNode {
  readonly endpoint: Endpoint;
  readonly epoch: number;
  readonly alive: boolean;
  readonly slots: readonly (readonly [from: number, to: number])[];
}

/** `<id> <ip:port@cport[,hostname]> <flags> <primary> <ping> <pong> <config epoch> <link> <slot or range>…` */
function nodeOf(line: string, asked: Endpoint): ClusterNode {
  const [, at = '', flags = '', , , , epoch = '0', , ...slots] = line.split(' ');
  const [, ip = '', port = '', hostname = ''] = /^(.*):(\d+)(?:@\d+)?(?:,([^,]*))?/.exec(at) ?? [];
  return {
    // A node that has not met another one does not know its own address.
    endpoint: { host: hostname === '' ? (ip === '' ? asked.host : ip) : hostname, port: Number(port) },
    epoch: Number(epoch),
    alive: !/fail|noaddr|handshake/.test(flags),
    // [93-<-id] is a slot being migrated.
    slots: slots.filter((range) => !range.startsWith('[')).map((range) => range.split('-').map(Number)).map(([from = -1, to = from]) => [from, to]),
  };
}
