import type { paths } from './api-types.ts';

// The types of each call as the OpenAPI document describes it: its path, query and body, and the content of a successful reply.

export type Method = 'get' | 'post' | 'delete';

/** The paths that support a method. */
export type PathWith<M extends Method> = { [P in keyof paths]: paths[P] extends { readonly [K in M]: { readonly responses: unknown } } ? P : never }[keyof paths];

type Operation<M extends Method, P extends PathWith<M>> = paths[P] extends { readonly [K in M]: infer O } ? O : never;

type Parameter<O, K extends 'path' | 'query'> = O extends { readonly parameters: { readonly [X in K]?: infer V } } ? V : never;
type BodyOf<O> = O extends { readonly requestBody?: { readonly content: { readonly 'application/json': infer B } } } ? B : never;
type BodyIsOptional<O> = O extends { readonly requestBody: { readonly content: unknown } } ? false : true;

/** A member that is present where the call accepts it, and required where the call needs it. */
type Member<K extends string, V, Optional extends boolean> = [Exclude<V, undefined>] extends [never]
  ? unknown
  : Optional extends true ? { readonly [X in K]?: Exclude<V, undefined> } : { readonly [X in K]: Exclude<V, undefined> };
type IsOptional<O, K extends string> = O extends { readonly parameters: { readonly [X in K]: object } } ? false : true;

/** The arguments of a call. */
export type CallOf<M extends Method, P extends PathWith<M>, O = Operation<M, P>> =
  & Member<'path', Parameter<O, 'path'>, IsOptional<O, 'path'>>
  & Member<'query', Parameter<O, 'query'>, IsOptional<O, 'query'>>
  & Member<'body', BodyOf<O>, BodyIsOptional<O>>
  & {
    /** Seconds for which the service may hold its reply until there is something new (`Prefer: wait`). */
    readonly wait?: number;
    /** Makes a creating call safe to repeat for a day: the second call finds what the first one created. */
    readonly idempotencyKey?: string;
  };

type Json<R> = R extends { readonly content: { readonly 'application/json': infer B } } ? B : never;
type Good = 200 | 201 | 202;

/** The content of a successful reply. */
export type ReplyOf<M extends Method, P extends PathWith<M>, O = Operation<M, P>> = O extends { readonly responses: infer R } ? Json<R[keyof R & Good]> : never;

/** Calls without required arguments may be made without a third argument. */
export type CallArguments<M extends Method, P extends PathWith<M>> = object extends CallOf<M, P> ? [call?: CallOf<M, P>] : [call: CallOf<M, P>];

/** Makes any API call whose reply is JSON. Rejects with Failure (connection, reply) or ProblemFailure (refusal). */
export type CallApi = <M extends Method, P extends PathWith<M>>(method: M, path: P, ...call: CallArguments<M, P>) => Promise<ReplyOf<M, P>>;
