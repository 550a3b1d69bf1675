import type { ServerOptions as TlsOptions } from 'node:https';
import type { Server as TlsServer } from 'node:tls';
import type { Listener } from './config/forms.ts';
import type { App } from './http/app.ts';
import { readServiceCertificate } from './issuance/service-certificate.ts';
import { listenOn, type Listening } from './listen.ts';
import type { Log } from './log.ts';
import { type OwnCertificateOptions, ownCertificate, pemFile, serverTls } from './own-certificate.ts';

export interface HttpsListenerOptions {
  readonly listener: Listener | 'off';
  readonly own: OwnCertificateOptions;
  readonly build: (tls: TlsOptions) => Promise<App>;
  /** Frees the address if a previous service in this process holds it. */
  readonly before?: (() => void) | undefined;
  readonly stopping: (() => Promise<unknown>)[];
  /** True if the issuing authority can no longer certify anything, including this service. */
  readonly authorityEnded: () => boolean;
  readonly log: Log;
}

/** The https listener together with its certificate. */
export interface HttpsListener {
  /** Undefined if the listener is off, or as long as there is no certificate to listen with. */
  readonly listening: () => Listening | undefined;
  /** Renews the certificate if due, takes over one that another process renewed, and starts listening if that was not possible before. */
  readonly look: () => Promise<void>;
}

/**
 * Listens with the service's own certificate. Once the issuing authority has expired, none can be issued: the listener then uses the last
 * one, or stays closed until there is one, because what is published over plain HTTP must still be served.
 * @throws the listener's own error, or the reason why no certificate could be issued although the authority is valid
 */
export async function httpsListener({ listener, own, build, before, stopping, authorityEnded, log }: HttpsListenerOptions): Promise<HttpsListener> {
  let listening: Listening | undefined;
  let served: string | undefined;

  const listen = async (file: string): Promise<void> => {
    listening = await listenOn(listener, () => build(serverTls(file)), stopping, before);
    served = file;
  };

  const first = async (): Promise<string | undefined> => {
    try {
      return await ownCertificate(own);
    } catch (err) {
      if (!authorityEnded()) throw err;
      const last = readServiceCertificate(own.folder);
      log.error({ err }, `the issuing authority has expired: the service has no valid certificate of its own, and ${last === undefined ? 'does not listen on https' : 'listens on https with the last one'}`);
      return last;
    }
  };

  const file = await first();
  if (file !== undefined) await listen(file);
  return {
    listening: () => listening,
    look: async () => {
      const now = await ownCertificate(own);
      if (now === served) return;
      if (listening === undefined) {
        await listen(now);
        return;
      }
      // Swapped in place: existing connections are kept.
      (listening.app.server as unknown as TlsServer).setSecureContext(pemFile(now));
      served = now;
      log.info('the service\'s own certificate was renewed and swapped in');
    },
  };
}
