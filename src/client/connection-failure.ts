import { Failure, type FailureCode } from './failure.ts';

interface Meaning {
  readonly code: FailureCode;
  readonly message: (origin: string) => string;
  readonly advice: string;
}

const unreachable = (reason: string): Meaning => ({
  code: 'unreachable',
  message: (origin) => `service not reachable at ${origin} (${reason})`,
  advice: 'start it with \'chancery serve\', or give its address with --url or CHANCERY_URL',
});

const untrusted = (reason: string): Meaning => ({
  code: 'untrusted',
  message: (origin) => `the certificate of ${origin} is not trusted (${reason})`,
  advice: 'give the root certificate of its authority with --ca FILE',
});

const clock = (reason: string): Meaning => ({
  code: 'untrusted',
  message: (origin) => `the certificate of ${origin} ${reason}`,
  advice: 'check the clocks of both machines',
});

const clientCertificate = (reason: string): Meaning => ({
  code: 'refused',
  message: (origin) => `${origin} did not accept the client certificate (${reason})`,
  advice: 'use one that its own authority issued and that has not expired',
});

/** What Node's error codes mean to somebody waiting for a reply from the service. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: unreachable('connection refused'),
  ENOTFOUND: unreachable('no such host'),
  EAI_AGAIN: unreachable('the name could not be looked up'),
  EHOSTUNREACH: unreachable('no route to the host'),
  ENETUNREACH: unreachable('no route to the network'),
  ETIMEDOUT: unreachable('connecting took too long'),
  ECONNRESET: unreachable('connection lost'),
  EPIPE: unreachable('connection lost'),
  EPROTO: unreachable('it does not speak TLS'),
  ERR_SSL_WRONG_VERSION_NUMBER: unreachable('it does not speak TLS'),
  ERR_SSL_PACKET_LENGTH_TOO_LONG: unreachable('it does not speak TLS'),
  HPE_INVALID_CONSTANT: unreachable('it does not speak HTTP'),
  ERR_TLS_CERT_ALTNAME_INVALID: {
    code: 'wrong-host',
    message: (origin) => `the certificate of ${origin} is for other host names`,
    advice: 'use one of its names in --url, or add this one to hostNames in its configuration',
  },
  SELF_SIGNED_CERT_IN_CHAIN: untrusted('another root'),
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted('self-signed'),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted('its issuer is not known'),
  UNABLE_TO_GET_ISSUER_CERT: untrusted('its issuer is not known'),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted('its issuer is not known'),
  CERT_SIGNATURE_FAILURE: untrusted('its signature is wrong'),
  INVALID_CA: untrusted('its issuer is not a CA'),
  INVALID_PURPOSE: untrusted('it is not for servers'),
  CERT_REVOKED: untrusted('revoked'),
  CERT_HAS_EXPIRED: clock('has expired'),
  CERT_NOT_YET_VALID: clock('is not valid yet'),
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: clientCertificate('issued by another authority'),
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: clientCertificate('expired'),
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: clientCertificate('bad certificate'),
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: clientCertificate('certificate unknown'),
};

/** Turns a connection error into a Failure that names the address and what to do. The error is kept as its `cause`. */
export const connectionFailure = (url: URL, error: Error): Failure => {
  const code = errorCode(error);
  const meaning = (code === undefined ? undefined : MEANINGS[code]) ?? unreachable(code ?? error.message);
  return new Failure(meaning.code, meaning.message(url.origin), { advice: meaning.advice, cause: error });
};

// Connecting to a name with several addresses fails with an AggregateError; its first error has the reason.
const errorCode = (error: Error): string | undefined => {
  const own = (error as NodeJS.ErrnoException).code;
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined)?.code : undefined;
  return own ?? first;
};
