import type { AuditDraft } from '../../audit/entry.ts';
import type { RandomBytes } from '../../identity/credential.ts';
import { type Json, NEVER, type ObjectChange, type ObjectStore, type StoredObject } from '../../store/objects.ts';
import type { Page, PageQuery } from '../../store/store.ts';
import { type Account, type Authorization, type EabKey, INDEX, KIND, type Order } from './model.ts';

/** A stored thing with what is needed to change it. */
export interface Held<T> {
  readonly id: string;
  readonly version: number;
  readonly value: T;
}

/** Milliseconds for which things are kept after they end, so that late clients learn about the outcome. */
const REMEMBERED = 86_400_000;
/** Milliseconds without use after which an account is deleted; its client creates another one. */
export const ACCOUNT_LIFETIME = 2 * 366 * 86_400_000;

const ID_BYTES = 16;

/** A new id: the time, so that ids close in time are close on disk, and 96 random bits. */
export function newId(now: number, random: RandomBytes): string {
  const bytes = Buffer.from(random(ID_BYTES));
  bytes.writeUInt32BE(Math.floor(now / 1000) % 2 ** 32, 0);
  return bytes.toString('hex');
}

/** Whether the text has the form of an id; nothing else is looked up in the store. */
export const isId = (text: string): boolean => /^[0-9a-f]{32}$/.test(text);

const held = <T>(object: StoredObject | undefined): Held<T> | undefined => object && { id: object.id, version: object.version, value: object.value as T };
const change = (kind: string, { id, version }: Omit<Held<unknown>, 'value'>, value: object, expires: number, indexes: { readonly index: string; readonly order: number }[]): ObjectChange =>
  ({ kind, id, expected: version, put: { value: value as Json, expires, indexes } });

/** A thing that is not stored yet. */
export const fresh = <T>(id: string, value: T): Held<T> => ({ id, version: 0, value });

/** Changes of each kind of thing, which define how long it is kept, and where it is listed. */
export const put = {
  account: (account: Held<Account>, now: number): ObjectChange =>
    change(KIND.account, account, account.value, now + ACCOUNT_LIFETIME, [{ index: INDEX.accounts, order: account.value.createdAt }]),
  /** Assigns a key to an account. @param version of an existing assignment */
  key: ({ id, value }: Held<Account>, version: number, now: number): ObjectChange =>
    change(KIND.key, { id: keyId(value.authority, value.thumbprint), version }, { account: id }, now + ACCOUNT_LIFETIME, []),
  order: (order: Held<Order>): ObjectChange =>
    change(KIND.order, order, order.value, order.value.expires + REMEMBERED, [
      { index: INDEX.ordersOf(order.value.account), order: order.value.createdAt }, { index: INDEX.orders, order: order.value.createdAt },
    ]),
  authorization: (authorization: Held<Authorization>): ObjectChange => {
    const { account, identifier, wildcard, status, expires, due } = authorization.value;
    return change(KIND.authorization, authorization, authorization.value, expires + REMEMBERED, [
      ...(status === 'valid' ? [{ index: INDEX.validOf(account, identifier, wildcard), order: expires }] : []),
      ...(due === undefined ? [] : [{ index: INDEX.due, order: due }]),
    ]);
  },
  eab: (key: Held<EabKey>): ObjectChange => change(KIND.eab, key, key.value, key.value.expiresAt + REMEMBERED * 30, [{ index: INDEX.eab, order: key.value.createdAt }]),
  /** Records that a certificate was replaced. @param until its expiry, milliseconds */
  replaced: (serial: string, order: string, until: number): ObjectChange => change(KIND.replaced, { id: serial, version: 0 }, { order }, until + REMEMBERED, []),
} as const;

export const keyId = (authority: string, thumbprint: string): string => `${authority}/${thumbprint}`;

/** Typed access to what ACME keeps in the store. */
export interface Records {
  readonly account: (id: string) => Promise<Held<Account> | undefined>;
  /**
   * The account that has this key, and the version of the assignment, 0 if there never was one. An account that changed its key is not found by
   * the old one.
   */
  readonly accountOfKey: (authority: string, thumbprint: string) => Promise<{ readonly account: Held<Account> | undefined; readonly version: number }>;
  readonly order: (id: string) => Promise<Held<Order> | undefined>;
  readonly authorization: (id: string) => Promise<Held<Authorization> | undefined>;
  readonly authorizations: (ids: readonly string[]) => Promise<readonly (Held<Authorization> | undefined)[]>;
  readonly eab: (id: string) => Promise<Held<EabKey> | undefined>;
  /** Whether an order has replaced the certificate. */
  readonly isReplaced: (serial: string) => Promise<boolean>;
  /** The one that expires last. */
  readonly validAuthorization: (account: string, identifier: Authorization['identifier'], wildcard: boolean) => Promise<Held<Authorization> | undefined>;
  readonly due: (now: number, limit: number) => Promise<readonly Held<Authorization>[]>;
  readonly list: <T>(index: string, page: PageQuery, newestFirst?: boolean) => Promise<Page<Held<T>>>;
  /** False if another writer was faster: nothing was written. */
  readonly write: (changes: readonly ObjectChange[], audit?: readonly AuditDraft[]) => Promise<boolean>;
}

export function recordsIn(objects: ObjectStore): Records {
  const get = async <T>(kind: string, id: string): Promise<Held<T> | undefined> => held<T>(await objects.get(kind, id));
  return {
    account: (id) => get(KIND.account, id),
    accountOfKey: async (authority, thumbprint) => {
      const key = await get<{ readonly account: string }>(KIND.key, keyId(authority, thumbprint));
      const account = key && await get<Account>(KIND.account, key.value.account);
      return { account: account?.value.thumbprint === thumbprint ? account : undefined, version: key?.version ?? 0 };
    },
    order: (id) => get(KIND.order, id),
    authorization: (id) => get(KIND.authorization, id),
    authorizations: async (ids) => (await objects.getAll(ids.map((id) => ({ kind: KIND.authorization, id })))).map((one) => held<Authorization>(one)),
    eab: (id) => get(KIND.eab, id),
    isReplaced: async (serial) => (await objects.get(KIND.replaced, serial)) !== undefined,
    validAuthorization: async (account, identifier, wildcard) =>
      held<Authorization>((await objects.list(INDEX.validOf(account, identifier, wildcard), { limit: 1 }, { newestFirst: true })).items[0]),
    due: async (now, limit) => (await objects.list(INDEX.due, { limit }, { upTo: Math.min(now, NEVER - 1) })).items.flatMap((one) => held<Authorization>(one) ?? []),
    list: async <T>(index: string, page: PageQuery, newestFirst = false) => {
      const { items, ...rest } = await objects.list(index, page, { newestFirst });
      return { ...rest, items: items.flatMap((one) => held<T>(one) ?? []) };
    },
    write: async (changes, audit = []) => (await objects.write(changes, audit)).outcome === 'stored',
  };
}
