import { createServer as createSecureServer } from 'node:https';
import type { RequestListener } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import t, { type Test } from 'tap';
import { parseNetwork } from '../../../src/outgoing/network.ts';
import type { ValidationOutcome, ValidationRequest } from '../../../src/acme/validators/validator.ts';
import { startDns } from '../../helpers/dns-server.ts';
import { selfSigned } from './self-signed.ts';
import { ask, listening, NEVER, serveHttp, serveTcp, validators } from './setting.ts';

const HOST = 'site.example';
const PATH = '/.well-known/acme-challenge/';

interface Site {
  readonly request?: ValidationRequest;
  readonly listener?: (request: ValidationRequest, port: () => number) => RequestListener;
  /** Seconds. */
  readonly timeout?: number;
}

/** Validates against one site at 127.0.0.1. */
async function against(t: Test, { request = ask('http-01', HOST), listener = right, timeout = 3 }: Site = {}): Promise<ValidationOutcome> {
  const dns = await startDns(t);
  dns.set(HOST, 'A', '127.0.0.1');
  let port = 0;
  port = await serveHttp(t, listener(request, () => port));
  return validators(dns.address, { http01Port: port, timeout }).validate(request, NEVER);
}

const right = ({ keyAuthorization }: ValidationRequest): RequestListener => (_, response) => void response.end(keyAuthorization);

const problem = (outcome: ValidationOutcome): string => outcome.outcome === 'valid' ? 'valid' : `${outcome.problem.type}: ${outcome.problem.detail}`;

t.test('the key authorization at the right place is enough', async (t) => {
  const seen: unknown[] = [];
  const request = ask('http-01', HOST);
  const outcome = await against(t, {
    request,
    listener: ({ keyAuthorization }) => (call, response) => {
      seen.push([call.method, call.url, call.headers.host?.split(':')[0], call.headers.authorization, call.headers.cookie]);
      response.end(`${keyAuthorization}\r\n  `);
    },
  });
  t.equal(problem(outcome), 'valid');
  t.same(seen, [['GET', `${PATH}${request.token}`, HOST, undefined, undefined]]);
});

t.test('addresses are asked by their own, v6 in brackets', async (t) => {
  const dns = await startDns(t);
  for (const address of ['127.0.0.1', '::1']) {
    const hosts: unknown[] = [];
    const request = ask('http-01', address);
    const port = await serveHttp(t, (call, response) => {
      hosts.push(call.headers.host);
      response.end(request.keyAuthorization);
    }, address);
    const outcome = await validators(dns.address, { http01Port: port, permitNetworks: [parseNetwork('127.0.0.1/32')!, parseNetwork('::1/128')!] }).validate(request, NEVER);
    t.equal(problem(outcome), 'valid');
    t.same(hosts, [`${address === '::1' ? '[::1]' : address}:${port}`]);
  }
  t.same(dns.asked, []);
});

t.test('what is not the key authorization is unauthorized, with a short excerpt', async (t) => {
  const wrong: Readonly<Record<string, [RequestListener, RegExp]>> = {
    'another text': [(_, response) => void response.end('something else'), /^unauthorized: http:.* answered with a key authorization other than the challenge's: "something else"$/],
    'nothing': [(_, response) => void response.end(), /^unauthorized: .*""$/],
    'not found': [(_, response) => void response.writeHead(404).end('<html>no'), /^unauthorized: .* answered 404, not 200: "<html>no"$/],
    'no content': [(_, response) => void response.writeHead(204).end(), /^unauthorized: .* answered 204, not 200$/],
    'not modified': [(_, response) => void response.writeHead(304).end(), /^unauthorized: .* answered 304, not 200$/],
    'control characters': [(_, response) => void response.end('\u001b[31m"é\n'), /^unauthorized: .*"\?\[31m'\?\?\?"$/],
    'secrets of another service': [(_, response) => void response.end('secret '.repeat(100)), /^unauthorized: .*"(secret ){9}s\.\.\."$/],
  };
  for (const [name, [listener, expected]] of Object.entries(wrong)) t.match(problem(await against(t, { listener: () => listener })), expected, name);
  t.match(problem(await against(t, { listener: ({ keyAuthorization }) => (_, response) => void response.end(` ${keyAuthorization}`) })), /^unauthorized/, 'white space before it');
});

t.test('an endless answer is read to its bound and no further', async (t) => {
  let sent = 0;
  const outcome = await against(t, {
    listener: () => (_, response) => {
      const timer = setInterval(() => {
        for (let i = 0; i < 10 && !response.destroyed; i++) {
          response.write('x'.repeat(1000));
          sent += 1000;
        }
      }, 1);
      response.on('close', () => clearInterval(timer));
    },
  });
  t.match(problem(outcome), /^unauthorized: .* answered with more than 1024 bytes, which is not a key authorization: "x{64}\.\.\."$/);
  t.ok(sent < 1_000_000, `${sent} bytes`);
});

t.test('an answer that drips is not waited for', async (t) => {
  const begin = Date.now();
  const outcome = await against(t, {
    timeout: 1,
    listener: () => (_, response) => {
      const timer = setInterval(() => response.write('x'), 50);
      response.on('close', () => clearInterval(timer));
    },
  });
  t.equal(problem(outcome), 'connection: the validation was not completed within 1 s');
  t.match(outcome, { again: true });
  t.ok(Date.now() - begin < 2500);
});

t.test('servers that speak no good HTTP', async (t) => {
  const speak: Readonly<Record<string, [string, RegExp]>> = {
    'garbage': ['\0\0\0 hello', /^connection: .* what the server sent is not HTTP$/],
    'a closed connection': ['', /^connection: .* the server closed the connection before it answered$/],
    'half an answer': ['HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf', /^connection: .* in the middle of its answer$|closed the connection before/],
    'an endless head': [`HTTP/1.1 200 OK\r\n${'X-Filler: 1234567890\r\n'.repeat(2000)}`, /^connection: .* the head of the answer is longer than 8192 bytes$/],
    'another protocol': ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', /^connection: .* the server switched to another protocol$/],
    'interim answers without end': ['HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000), /^connection: .* too many interim answers$/],
    'two lengths': ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello', /^connection: .* what the server sent is not HTTP$/],
  };
  const dns = await startDns(t);
  dns.set(HOST, 'A', '127.0.0.1');
  for (const [name, [text, expected]] of Object.entries(speak)) {
    const port = await serveTcp(t, (socket) => void socket.once('data', () => socket.end(text)));
    t.match(problem(await validators(dns.address, { http01Port: port }).validate(ask('http-01', HOST), NEVER)), expected, name);
  }
});

t.test('redirects are followed, each of its kind', async (t) => {
  for (const status of [301, 302, 303, 307, 308]) {
    const outcome = await against(t, {
      listener: ({ keyAuthorization }, port) => (call, response) => {
        if (call.url === '/there?x=1') response.end(keyAuthorization);
        else response.writeHead(status, { location: call.url?.startsWith(PATH) === true ? '/relative' : `http://${HOST}:${port()}/there?x=1#part` }).end('x'.repeat(5000));
      },
    });
    t.equal(problem(outcome), 'valid', String(status));
  }
});

t.test('redirects that lead astray are not followed', async (t) => {
  const places: Readonly<Record<string, [string, RegExp]>> = {
    'another port': [`http://${HOST}:22/`, /leads to another port than \d+ or 1$/],
    'the default port': [`http://${HOST}/`, /leads to another port than/],
    'a file': ['file:///etc/passwd', /leads to neither http nor https$/],
    'ftp': [`ftp://${HOST}/`, /leads to neither http nor https$/],
    'gopher': ['gopher://127.0.0.1:1/_x', /leads to neither http nor https$/],
    'javascript': ['javascript:alert(1)', /leads to neither http nor https$/],
    'a user': [`http://user@${HOST}:PORT/`, /has a user in it$/],
    'a user and a password': [`http://user:password@${HOST}:PORT/`, /has a user in it$/],
    'no address': ['http://', /is not an address$/],
    'a port that is none': [`http://${HOST}:99999/`, /is not an address$/],
    'a host with an underscore': ['http://a_b.example:PORT/', /leads to a host that is not a name$/],
    'a very long address': [`/${'x'.repeat(3000)}`, /is not an address$/],
    'loopback': ['http://127.0.0.2:PORT/', /^connection: 127\.0\.0\.2 is not called: it is in 127\.0\.0\.0\/8 \(loopback/],
    'loopback, in hexadecimal': ['http://0x7f000002:PORT/', /^connection: 127\.0\.0\.2 is not called/],
    'loopback, in octal': ['http://0177.0.0.2:PORT/', /^connection: 127\.0\.0\.2 is not called/],
    'loopback, shortened': ['http://127.2:PORT/', /^connection: 127\.0\.0\.2 is not called/],
    'loopback of IPv6': ['http://[::1]:PORT/', /^connection: ::1 is not called/],
    'loopback in IPv6 clothes': ['http://[::ffff:127.0.0.2]:PORT/', /^connection: ::ffff:7f00:2 is not called/],
    'the metadata service': ['http://169.254.169.254:PORT/latest/meta-data/', /^connection: 169\.254\.169\.254 is not called: it is in 169\.254\.0\.0\/16/],
    'a name of a private address': ['http://inside.example:PORT/', /^connection: 10\.0\.0\.7, address of inside\.example, is not called: it is in 10\.0\.0\.0\/8/],
    'a name without address': ['http://nowhere.example:PORT/', /^dns: nowhere\.example has no address/],
    'itself': [`${PATH}TOKEN`, /^connection: .* leads in a circle of redirects/],
    'itself with a fragment': [`${PATH}TOKEN#1`, /^connection: .* leads in a circle of redirects/],
  };
  const dns = await startDns(t);
  dns.set(HOST, 'A', '127.0.0.1');
  dns.set('inside.example', 'A', '10.0.0.7');
  for (const [name, [location, expected]] of Object.entries(places)) {
    const request = ask('http-01', HOST);
    let calls = 0;
    let port = 0;
    port = await serveHttp(t, (_, response) => {
      calls++;
      response.writeHead(302, { location: location.replace('PORT', String(port)).replace('TOKEN', request.token) }).end();
    });
    t.match(problem(await validators(dns.address, { http01Port: port }).validate(request, NEVER)), expected, name);
    t.equal(calls, 1, `${name}: one call`);
  }
});

t.test('at most ten redirects', async (t) => {
  for (const [redirects, expected] of [[10, /^valid$/], [11, /^connection: .* leads to more than 10 redirects$/], [Infinity, /more than 10 redirects$/]] as const) {
    let calls = 0;
    const outcome = await against(t, {
      listener: ({ keyAuthorization }) => (_, response) => {
        if (calls++ >= redirects) response.end(keyAuthorization);
        else response.writeHead(302, { location: `/${calls}` }).end();
      },
    });
    t.match(problem(outcome), expected);
    t.equal(calls, 11);
  }
});

t.test('https by redirect, expired and for another name', async (t) => {
  const request = ask('http-01', HOST);
  const names: unknown[] = [];
  const secure = await listening(t, createSecureServer({
    ...selfSigned({ names: ['somebody.else.example'], notAfter: 1_600_000_000 }),
    SNICallback: (name, done) => {
      names.push(name);
      done(null);
    },
  }, (_, response) => void response.end(request.keyAuthorization)));
  const dns = await startDns(t);
  dns.set(HOST, 'A', '127.0.0.1');
  const port = await serveHttp(t, (_, response) => void response.writeHead(301, { location: `https://${HOST}:${secure}/x` }).end());
  t.equal(problem(await validators(dns.address, { http01Port: port, tlsAlpn01Port: secure }).validate(request, NEVER)), 'valid');
  t.same(names, [HOST]);

  const plain = await serveTcp(t, (socket) => void socket.end('no TLS here, sorry'));
  const other = await serveHttp(t, (_, response) => void response.writeHead(301, { location: `https://${HOST}:${plain}/x` }).end());
  t.equal(problem(await validators(dns.address, { http01Port: other, tlsAlpn01Port: plain }).validate(request, NEVER)), `tls: TLS with ${HOST}: what the server sent is not TLS`);
});

t.test('names without a good address', async (t) => {
  const dns = await startDns(t);
  dns.behave('gone.example', 'nxdomain');
  dns.behave('sick.example', 'servfail');
  dns.set('private.example', 'A', '10.0.0.1', '192.168.0.1');
  dns.set('mapped.example', 'AAAA', '::ffff:127.0.0.1');
  dns.set('closed.example', 'A', '127.0.0.1');
  const ours = validators(dns.address, { http01Port: 1 });
  const told: Readonly<Record<string, [RegExp, boolean]>> = {
    'gone.example': [/^dns: looking up A of gone\.example: there is no such name \(NXDOMAIN\)$/, true],
    'empty.example': [/^dns: empty\.example has no address: no A and no AAAA record$/, true],
    'sick.example': [/^dns: looking up A of sick\.example: the name servers have failed \(SERVFAIL\)$/, true],
    'private.example': [/^connection: 10\.0\.0\.1, address of private\.example, is not called: it is in 10\.0\.0\.0\/8 \(private use, RFC 1918\)$/, false],
    'mapped.example': [/^connection: ::ffff:127\.0\.0\.1, address of mapped\.example, is not called: it is in ::ffff:0:0\/96/, false],
    'closed.example': [/^connection: connecting to closed\.example at 127\.0\.0\.1 port 1: connection refused$/, true],
  };
  for (const [name, [expected, again]] of Object.entries(told)) {
    const outcome = await ours.validate(ask('http-01', name), NEVER);
    t.match(problem(outcome), expected);
    t.match(outcome, { again }, name);
  }
});

t.test('IPv4 where IPv6 is there but nobody answers at it; refused addresses are passed over', async (t) => {
  const dns = await startDns(t);
  dns.set(HOST, 'AAAA', '::1', 'fd00::1');
  dns.set(HOST, 'A', '10.0.0.1', '127.0.0.1');
  const request = ask('http-01', HOST);
  const port = await serveHttp(t, right(request));
  t.equal(problem(await validators(dns.address, { http01Port: port, permitNetworks: [parseNetwork('::1/128')!, parseNetwork('127.0.0.1/32')!] }).validate(request, NEVER)), 'valid');
});

t.test('the address that was checked is the one that is called, whatever DNS says the next time', async (t) => {
  const dns = await startDns(t);
  // 127.0.0.1 is permitted here, 127.0.0.2 stands for the inside.
  dns.set(HOST, 'A', (count) => count === 1 ? '127.0.0.1' : '127.0.0.2');
  const request = ask('http-01', HOST);
  const port = await serveHttp(t, right(request));
  let inside = 0;
  await listening(t, createTcpServer(() => inside++), '127.0.0.2', port);
  t.equal(problem(await validators(dns.address, { http01Port: port }).validate(request, NEVER)), 'valid');
  t.equal(dns.asked.filter(({ type }) => type === 'A').length, 1, 'looked up once');
  const again = await validators(dns.address, { http01Port: port }).validate(request, NEVER);
  t.match(problem(again), /^connection: 127\.0\.0\.2, address of site\.example, is not called/);
  t.equal(inside, 0);
});

t.test('a host that redirects to itself is looked up and checked again', async (t) => {
  const dns = await startDns(t);
  dns.set(HOST, 'A', (count) => count === 1 ? '127.0.0.1' : '127.0.0.2');
  const outcome = await (async () => {
    const request = ask('http-01', HOST);
    const port = await serveHttp(t, (_, response) => void response.writeHead(302, { location: '/next' }).end());
    return validators(dns.address, { http01Port: port }).validate(request, NEVER);
  })();
  t.match(problem(outcome), /^connection: 127\.0\.0\.2, address of site\.example, is not called/);
});

t.test('proxies from the environment are not asked', async (t) => {
  let asked = 0;
  const proxy = await serveHttp(t, (_, response) => {
    asked++;
    response.end();
  });
  const names = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'NODE_USE_ENV_PROXY'];
  for (const name of names) process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : `http://127.0.0.1:${proxy}`;
  t.teardown(() => names.forEach((name) => delete process.env[name]));
  t.equal(problem(await against(t)), 'valid');
  t.equal(asked, 0);
});

t.test('a caller who has enough gets an outcome at once', async (t) => {
  const dns = await startDns(t);
  dns.set(HOST, 'A', '127.0.0.1');
  const port = await serveHttp(t, () => undefined);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 100);
  const begin = Date.now();
  t.match(await validators(dns.address, { http01Port: port }).validate(ask('http-01', HOST), controller.signal), { outcome: 'invalid', again: true, problem: { type: 'serverInternal' } });
  t.ok(Date.now() - begin < 1000);
});

t.test('http-01 says nothing about a wildcard', async (t) => {
  t.match(problem(await against(t, { request: ask('http-01', HOST, { wildcard: true }) })), /^malformed: http-01 cannot validate wildcards$/);
});
