import type { FastifyRequest } from 'fastify';
import { issue } from '../../issuance/issue.ts';
import { certificateReply } from '../certificate-reply.ts';
import type { CfsslContext } from '../context.ts';
import { badCall, CfsslRefusal, sentFor } from '../refusal.ts';
import { readSignRequest } from '../sign-request.ts';

/** `sign`: a certificate for whoever authenticates by the connection or a bearer credential. */
export async function sign(context: CfsslContext, request: FastifyRequest): Promise<unknown> {
  const wanted = readSignRequest(request.body);
  for (const asker of context.askers) {
    const asking = await asker.ask(request, wanted);
    if (asking === undefined) continue;
    try {
      return certificateReply(context, await issue(context.issuance, asking.input), wanted);
    } catch (error) {
      const { status, code, message } = sentFor(error);
      // Temporary errors remain a 503.
      if (status === 503 || status === 429) throw error;
      throw new CfsslRefusal(code, message, { status: asking.refusedWith, cause: error });
    }
  }
  throw badCall('authentication required');
}
