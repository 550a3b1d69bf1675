import { transferWithRedis } from './with-redis.ts';

await transferWithRedis('embedded to Redis', 'embedded', 'redis');
