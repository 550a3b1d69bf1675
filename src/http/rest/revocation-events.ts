import { Type } from 'typebox';
import { Refused } from '../../errors.ts';
import type { RevocationFeed } from '../../revocation/events/feed.ts';
import type { App } from '../app.ts';
import { eventStreams, type StreamOptions } from '../event-streams.ts';
import { negotiate } from '../negotiation.ts';
import { closed, nobody, problems } from './schemas.ts';

export interface RevocationEventRoutes extends StreamOptions {
  readonly feed: RevocationFeed;
  readonly failed: (error: unknown) => void;
}

const TYPE = 'text/event-stream';
/** Characters of an event id: longer than any that was issued. */
const MOST_ID = 8192;

const ABOUT = `Server-sent events (WHATWG HTML 9.2), one for each new revocation or release, and one for each new CRL.

- \`event: revocation\`: \`{authority, serial, reason, status, at}\`; \`status\` is \`revoked\`, \`held\` or \`released\` (then \`reason\` is \`removeFromCRL\`). If a certificate changes twice in quick succession, or while the client is away, only its latest state is sent.
- \`event: crl\`: \`{authority, document, number, thisUpdate, nextUpdate, etag, url}\`; \`document\` is \`full\`, \`delta\`, or a shard as \`<count>-<index>\`. It comes after all the revocations that the CRL lists. Of several CRLs published while the client was away, only the current one is sent.
- \`event: reset\`: the id is too old, or not from this service; fetch the CRL again. Events from then on follow.

Without \`Last-Event-ID\`, the stream begins with the current CRLs. With it, exactly what came after that event follows, whichever process answers and whatever was restarted meanwhile. Ids are opaque; one may come alone, without an event. A comment is sent every 15 seconds. Clients that read too slowly are dropped, and can resume with \`Last-Event-ID\`.`;

const Query = Type.Object({
  lastEventId: Type.Optional(Type.String({ minLength: 1, maxLength: MOST_ID, description: 'For clients that cannot set the header, which takes precedence' })),
}, closed);

/** `/v1/revocations/events`: revocations and publications as they happen. */
export function revocationEventRoutes(app: App, { feed, failed, ...options }: RevocationEventRoutes): void {
  const streams = eventStreams(options);
  app.addHook('preClose', (done) => {
    streams.stop();
    done();
  });

  app.get('/v1/revocations/events', {
    // A HEAD request would never end.
    exposeHeadRoute: false,
    schema: {
      operationId: 'followRevocations', summary: 'Revocations and CRLs as they come', description: ABOUT, tags: ['published'], security: nobody, querystring: Query,
      headers: Type.Object({ 'last-event-id': Type.Optional(Type.String({ maxLength: MOST_ID, description: 'The id of the last event the client has seen' })) }),
      response: { 200: { description: 'The events', content: { [TYPE]: { schema: Type.String() } } }, ...problems(400, 406) },
    },
  }, (request, reply) => {
    if (negotiate(request.headers.accept, [TYPE]) === undefined) throw new Refused('not-acceptable', `None of the types in Accept is offered; expected ${TYPE}.`);
    const header = request.headers['last-event-id'];
    const { lastEventId } = request.query as { lastEventId?: string };
    const stream = streams.open(request, reply);
    stream.onEnd(() => feed.leave(stream));
    feed.follow(stream, header === undefined || header === '' ? lastEventId : String(header)).catch((error: unknown) => {
      failed(error);
      stream.end('failed');
    });
  });
}
