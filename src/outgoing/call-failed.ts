/** Which part of a call failed: the lookup, the connection with what was said over it, or its TLS. */
export type CallFault = 'dns' | 'connection' | 'tls';

/** A call to the outside that came to nothing. `message` is for the client who asked for it: bounded, printable, no internals. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly fault: CallFault;
  /** Whether the same might succeed a little later. */
  readonly again: boolean;

  constructor(fault: CallFault, detail: string, options: ErrorOptions & { readonly again?: boolean } = {}) {
    super(detail, options);
    this.fault = fault;
    this.again = options.again ?? false;
  }
}
