// The cases of `cargo xtask bench cache` by @epic-web/cachified, in memory and on DynamoDB.
// Usage: node cache.mjs <endpoint>. Prints: ns of a hit in memory; p50 in us of a hit in DynamoDB;
// loads and ms of 1,000 readers of a cold key over 8 instances.
import { DynamoDB } from '@aws-sdk/client-dynamodb';
import { cachified } from '@epic-web/cachified';

const client = new DynamoDB({
  endpoint: process.argv[2],
  region: 'eu-central-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});
const TableName = 'peer';
await client.createTable({
  TableName,
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [{ AttributeName: 'PK', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'PK', KeyType: 'HASH' }],
});
const shared = () => ({
  name: 'dynamodb',
  async get(key) {
    const { Item } = await client.getItem({ TableName, Key: { PK: { S: key } } });
    return Item && JSON.parse(Item.v.S);
  },
  async set(key, entry) {
    await client.putItem({ TableName, Item: { PK: { S: key }, v: { S: JSON.stringify(entry) } } });
  },
  async delete(key) {
    await client.deleteItem({ TableName, Key: { PK: { S: key } } });
  },
});
const value = { id: 42, name: 'a name', tags: Array.from({ length: 100 }, (_, n) => `tag number ${n}`) };
const read = (cache, key, load) =>
  cachified({ key, cache, ttl: 3_600_000, getFreshValue: load ?? (async () => value) });
const median = (times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)];

const memory = new Map();
const keys = Array.from({ length: 10_000 }, (_, key) => `user#${key}`);
for (const key of keys) await read(memory, key);
const rounds = [];
for (let round = 0; round < 51; round += 1) {
  const start = performance.now();
  for (let call = 0; call < 2_000; call += 1) await read(memory, keys[(call * 7_919) % 10_000]);
  rounds.push(((performance.now() - start) * 1e6) / 2_000);
}

const level = shared();
await read(level, 'hit');
const hits = [];
for (let round = 0; round < 400; round += 1) {
  const start = performance.now();
  await read(level, 'hit');
  if (round >= 100) hits.push((performance.now() - start) * 1e3);
}

const instances = Array.from({ length: 8 }, shared);
let loads = 0;
const load = async () => {
  loads += 1;
  await new Promise((resolve) => setTimeout(resolve, 200));
  return value;
};
const start = performance.now();
await Promise.all(Array.from({ length: 1_000 }, (_, reader) => read(instances[reader % 8], 'cold', load)));
const took = performance.now() - start;
console.log(median(rounds).toFixed(0), median(hits).toFixed(0), loads, took.toFixed(0));
