/** The part of a call that failed: the lookup, the connection including what was sent over it, or TLS. */
export type CallFault = 'dns' | 'connection' | 'tls';

/** An outbound call failed. `message` is meant for the client that caused it: bounded, printable, without internals. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly fault: CallFault;
  /** Whether the same may succeed a little later. */
  readonly again: boolean;

  constructor(fault: CallFault, detail: string, options: ErrorOptions & { readonly again?: boolean } = {}) {
    super(detail, options);
    this.fault = fault;
    this.again = options.again ?? false;
  }
}
