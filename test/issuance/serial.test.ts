import { randomBytes } from 'node:crypto';
import t from 'tap';
import { normaliseSerial, serialSource } from '../../src/issuance/serial.ts';

t.test('a serial is positive, of 20 octets, unique, and ordered by time', (t) => {
  const draw = serialSource(randomBytes);
  const now = Date.parse('2026-01-01T00:00:00Z');
  const drawn = new Set(Array.from({ length: 2000 }, () => draw(now)));
  t.equal(drawn.size, 2000);
  for (const serial of drawn) t.match(serial, /^[1-7][0-9a-f]{39}$/);
  t.ok(draw(now) < draw(now + 8));
  for (const year of ['1990', '2038', '2105']) t.match(draw(Date.parse(`${year}-06-01T00:00:00Z`)), /^[0-7][0-9a-f]{39}$/, year);
  t.end();
});

t.test('each random byte is used once', (t) => {
  let fetched = 0;
  const draw = serialSource((size) => {
    fetched += size;
    return randomBytes(size);
  });
  for (let n = 0; n < 1000; n += 1) draw(0);
  t.ok(fetched >= 15_000);
  t.end();
});

t.test('a serial is taken as people write it', (t) => {
  for (const text of ['0a1b', '0A1B', '0a:1b', 'a1b', '0A:1B']) t.equal(normaliseSerial(text), '0a1b', text);
  for (const text of ['', 'xyz', '0x0a', '__proto__', '..', 'a'.repeat(41), ':'.repeat(100), '0a 1b', '-1']) t.equal(normaliseSerial(text), undefined, text);
  t.end();
});
