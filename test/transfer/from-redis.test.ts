import { transferWithRedis } from './with-redis.ts';

await transferWithRedis('Redis to embedded', 'redis', 'embedded');
