import t from 'tap';
import { negotiate } from '../../src/http/negotiation.ts';
import { rateLimit } from '../../src/http/rate-limit.ts';
import { waitPreference } from '../../src/http/rest/wait.ts';

const OFFERS = ['application/json', 'application/pkix-cert'] as const;

t.test('Accept (RFC 9110 12.5.1)', (t) => {
  const cases: readonly (readonly [string | undefined, string | undefined])[] = [
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['application/pkix-cert', 'application/pkix-cert'],
    ['application/json;q=0.1, application/pkix-cert;q=0.2', 'application/pkix-cert'],
    ['application/*', 'application/json'],
    ['application/json;q=0, */*', 'application/pkix-cert'],
    ['APPLICATION/PKIX-CERT', 'application/pkix-cert'],
    ['text/html', undefined],
    ['application/json;q=0', undefined],
    ['application/json;q=nonsense', undefined],
    [',,,;;;', undefined],
  ];
  for (const [accept, expected] of cases) t.equal(negotiate(accept, OFFERS), expected, String(accept));
  t.end();
});

t.test('Prefer: wait (RFC 7240 4.3)', (t) => {
  t.equal(waitPreference('wait=30'), 30);
  t.equal(waitPreference('respond-async, wait=5; foo'), 5);
  t.equal(waitPreference('wait="7"'), 7);
  for (const none of [undefined, '', 'await=3', 'wait=-1', 'wait=1e9', 'wait=999999']) t.equal(waitPreference(none), undefined, String(none));
  t.end();
});

t.test('a rate limit lets a burst pass, then holds the rate, per key', (t) => {
  const limit = rateLimit(60);
  for (let call = 0; call < 60; call += 1) t.equal(limit.take('a', 1000), 0);
  t.equal(limit.take('a', 1000), 1, 'one second to wait');
  t.equal(limit.wait('a', 1000), 1);
  t.equal(limit.take('b', 1000), 0, 'others are not held up');
  t.equal(limit.take('a', 2000), 0, 'a second later one call passes');
  t.equal(limit.take('a', 2000), 1);
  for (let call = 0; call < 60; call += 1) limit.take('c', 3_600_000);
  t.equal(limit.take('c', 0), 1, 'a clock that is set back by an hour holds nobody up for an hour');
  t.equal(limit.take('c', 1000), 0);
  t.equal(rateLimit(0).take('a', 0), 0, '0 is no limit');
  t.end();
});
