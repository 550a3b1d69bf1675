// The exports of `chancery/client`: a client of the native REST API, with types for everything that it sends and receives.

export { openClient } from './chancery-client.ts';
export type { ChanceryClient, ClientOptions, Credentials, Query, RenewalInfo, RequestQuestion } from './chancery-client.ts';
export type { CallApi, CallArguments, CallOf, Method, PathWith, ReplyOf } from './api.ts';
export type { components, operations, paths } from './api-types.ts';
export { Failure } from './failure.ts';
export type { FailureCode } from './failure.ts';
export { fetchPinnedRoot } from './pinned-root.ts';
export { ProblemFailure } from './problem.ts';
export type { Problem, ProblemFault } from './problem.ts';
