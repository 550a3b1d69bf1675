// Fastify alone: answers `GET /*` and `POST /` with a fixed body of as many octets as its first argument says.
import { Buffer } from 'node:buffer';
import process from 'node:process';
import fastify from 'fastify';

const body = Buffer.alloc(Number(process.argv[2]), 1);
const app = fastify();
app.removeAllContentTypeParsers();
app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, octets, done) => done(null, octets));
app.get('/*', (_request, reply) => reply.header('content-type', 'application/octet-stream').send(body));
app.post('/', (_request, reply) => reply.header('content-type', 'application/octet-stream').send(body));
await app.listen({ host: '127.0.0.1', port: 0 });
process.stdout.write(`${app.server.address().port}\n`);
