import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { initialise } from '../../src/initialise.ts';
import { createLogger } from '../../src/log.ts';
import { ProfileError } from '../../src/policy/profile.ts';
import { startService } from '../../src/service.ts';
import { temporaryFolder } from '../helpers/folder.ts';

t.test('an authority whose certificates no Docker Engine takes is told at start', async (t) => {
  const folder = temporaryFolder('swarm');
  const off = { CHANCERY_LISTEN__HTTPS: '127.0.0.1:0', CHANCERY_LISTEN__HTTP: 'off', CHANCERY_LISTEN__METRICS: 'off' };
  const config = loadConfig({ env: { CHANCERY_DATA: join(folder, 'data'), ...off, CHANCERY_SWARM__ENABLED: 'true' }, folder });
  await initialise({ mode: 'internal', algorithm: 'Ed25519' }, config, Date.now);
  await t.rejects(startService({ config, log: createLogger('silent', () => {}) }), { name: ProfileError.name, message: /signed by authority issuing with Ed25519, which no Docker Engine accepts/ });
});
