import { Failure } from './failure.ts';

/** One entry of a problem document's `errors`. */
export interface ProblemFault {
  readonly code?: string;
  readonly detail: string;
  readonly at?: string;
}

/** RFC 9457 problem details, as the service sends them. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly instance?: string;
  readonly errors: readonly ProblemFault[];
}

const TYPE_PREFIX = 'urn:chancery:error:';

/** A refusal by the service. `problemCode` is its stable code, such as `request-refused`, or `unknown` if it sent none. */
export class ProblemFailure extends Failure {
  override readonly name = 'ProblemFailure';
  readonly status: number;
  readonly problem: Problem;
  readonly problemCode: string;
  /** Seconds after which the service asks the client to try again. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, retryAfter?: number) {
    super('refused', headline(problem), {
      more: faultLines(problem),
      ...(retryAfter === undefined ? {} : { advice: `try again in ${retryAfter} s` }),
    });
    this.status = problem.status;
    this.problem = problem;
    this.problemCode = problem.type.startsWith(TYPE_PREFIX) ? problem.type.slice(TYPE_PREFIX.length) : 'unknown';
    this.retryAfter = retryAfter;
  }
}

// A problem's detail may already name its faults: a single one stays there, several get a line each.
const tellsAll = ({ detail, errors }: Problem): boolean => detail !== undefined && errors.every((fault) => detail.includes(fault.detail));

const headline = (problem: Problem): string =>
  (problem.detail === undefined || (problem.errors.length > 1 && tellsAll(problem)) ? problem.title : problem.detail);

const faultLines = (problem: Problem): string[] => (problem.errors.length <= 1 && tellsAll(problem)
  ? []
  : problem.errors.map((fault) => (fault.at === undefined || fault.at === '/' ? fault.detail : `${fault.at}: ${fault.detail}`)));

/** The problem in a parsed reply, or a stand-in built from the status alone if the body is something else. */
export const toProblem = (status: number, body: unknown): Problem => {
  const whole = isRecord(body) ? body : {};
  // A denied request is sent as the request itself, with the problem inside.
  const members = isRecord(whole['problem']) ? whole['problem'] : whole;
  const detail = text(members['detail']);
  const instance = text(members['instance']);
  return {
    type: text(members['type']) ?? 'about:blank',
    title: text(members['title']) ?? `the service answered ${status}`,
    status,
    ...(detail === undefined ? {} : { detail }),
    ...(instance === undefined ? {} : { instance }),
    errors: Array.isArray(members['errors']) ? members['errors'].flatMap(toFault) : [],
  };
};

const toFault = (value: unknown): ProblemFault[] => {
  if (typeof value === 'string') return [{ detail: value }];
  if (!isRecord(value)) return [];
  const detail = text(value['detail']);
  const code = text(value['code']);
  const at = text(value['at']);
  if (detail === undefined) return [];
  return [{ detail, ...(code === undefined ? {} : { code }), ...(at === undefined ? {} : { at }) }];
};

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
