import type { paths } from './api-types.ts';

// What the OpenAPI document says of each call, as types: its path, query and body, and what a good reply holds.

export type Method = 'get' | 'post' | 'delete';

/** Paths that have the method. */
export type PathWith<M extends Method> = { [P in keyof paths]: paths[P] extends { readonly [K in M]: { readonly responses: unknown } } ? P : never }[keyof paths];

type Operation<M extends Method, P extends PathWith<M>> = paths[P] extends { readonly [K in M]: infer O } ? O : never;

type Parameter<O, K extends 'path' | 'query'> = O extends { readonly parameters: { readonly [X in K]?: infer V } } ? V : never;
type BodyOf<O> = O extends { readonly requestBody?: { readonly content: { readonly 'application/json': infer B } } } ? B : never;
type BodyIsOptional<O> = O extends { readonly requestBody: { readonly content: unknown } } ? false : true;

/** A member that is there where the call takes it, and must be where the call needs it. */
type Member<K extends string, V, Optional extends boolean> = [Exclude<V, undefined>] extends [never]
  ? unknown
  : Optional extends true ? { readonly [X in K]?: Exclude<V, undefined> } : { readonly [X in K]: Exclude<V, undefined> };
type IsOptional<O, K extends string> = O extends { readonly parameters: { readonly [X in K]: object } } ? false : true;

/** What a call is given. */
export type CallOf<M extends Method, P extends PathWith<M>, O = Operation<M, P>> =
  & Member<'path', Parameter<O, 'path'>, IsOptional<O, 'path'>>
  & Member<'query', Parameter<O, 'query'>, IsOptional<O, 'query'>>
  & Member<'body', BodyOf<O>, BodyIsOptional<O>>
  & {
    /** Seconds for which the service may hold its answer until there is something new (`Prefer: wait`). */
    readonly wait?: number;
    /** Makes a creating call safe to repeat, for a day: the second one finds what the first one made. */
    readonly idempotencyKey?: string;
  };

type Json<R> = R extends { readonly content: { readonly 'application/json': infer B } } ? B : never;
type Good = 200 | 201 | 202;

/** What a good reply holds. */
export type ReplyOf<M extends Method, P extends PathWith<M>, O = Operation<M, P>> = O extends { readonly responses: infer R } ? Json<R[keyof R & Good]> : never;

/** Calls that need nothing may be made without a third argument. */
export type CallArguments<M extends Method, P extends PathWith<M>> = object extends CallOf<M, P> ? [call?: CallOf<M, P>] : [call: CallOf<M, P>];

/** Any call of the API that answers in JSON. Rejects with Failure (connection, reply) or ProblemFailure (refusal). */
export type CallApi = <M extends Method, P extends PathWith<M>>(method: M, path: P, ...call: CallArguments<M, P>) => Promise<ReplyOf<M, P>>;
