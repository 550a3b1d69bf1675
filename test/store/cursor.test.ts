import t from 'tap';
import { openCursor, sealCursor } from '../../src/store/cursor.ts';
import { BadCursor } from '../../src/store/store.ts';

const key = Buffer.alloc(32, 7);

t.test('a cursor opens with its key and its listing, to its position', async (t) => {
  for (const position of ['1', '281474976710655', 'any text, é']) t.equal(openCursor(key, 'requests', sealCursor(key, 'requests', position)), position);
});

t.test('no other key, listing or spelling opens it', async (t) => {
  const cursor = sealCursor(key, 'requests', '42');
  t.throws(() => openCursor(Buffer.alloc(32, 8), 'requests', cursor), BadCursor);
  t.throws(() => openCursor(key, 'certificates', cursor), BadCursor);
  for (const bad of ['', 'x', `${cursor}=`, `${cursor}\n`, ` ${cursor}`, cursor.slice(0, -1), cursor + cursor, cursor.toUpperCase(), 'A'.repeat(16), 'A'.repeat(257), '_'.repeat(10_000_000)]) {
    t.throws(() => openCursor(key, 'requests', bad), BadCursor, bad.slice(0, 30));
  }
});

t.test('a position cannot run into the listing\'s name', async (t) => {
  t.throws(() => openCursor(key, 'a', sealCursor(key, 'a\nb', 'c')), BadCursor);
});
