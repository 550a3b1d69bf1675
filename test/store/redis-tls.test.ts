import t from 'tap';
import { storeContract } from '../contracts/store.ts';
import { HOST, noRedis, startRedis } from '../helpers/redis.ts';
import { redisTls } from '../helpers/redis-topologies.ts';
import { storeOn } from './redis-stores.ts';

/** What the ACL user of docs/operations.md has. */
const RIGHTS = 'resetkeys ~{chancery* resetchannels &{chancery* -@all +@read +@write -@dangerous +eval +evalsha +publish +subscribe +ping +role +config|get +wait +select +client|setname';

if (noRedis !== false) t.plan(0, noRedis);
else {
  const files = redisTls();
  const server = await startRedis(t, {
    settings: files.settings, access: [...files.access, '--user', 'admin', '--pass', 'adm', '--no-auth-warning'],
    lines: ['user default off', 'user admin on >adm ~* &* +@all', `user chancery on >secret ${RIGHTS}`],
  });
  storeContract('redis with TLS, a client certificate and an ACL user', (t) => storeOn(t, server.port, {
    address: { topology: 'single', tls: true, hosts: [{ host: HOST, port: server.port }], database: 1, user: 'chancery', password: 'secret' }, tls: { ca: files.ca, ...files.client },
  }));
}
