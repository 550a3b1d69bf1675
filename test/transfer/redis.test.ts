import { transferWithRedis } from './with-redis.ts';

await transferWithRedis('Redis to Redis', 'redis', 'redis');
