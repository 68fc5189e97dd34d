// 64 consumers x 10 on a limit of 100 per minute, by rate-limiter-flexible on its DynamoDB store.
// Usage: node limiter.mjs <endpoint>. Prints: admitted, p50 and p99 of a decision in ms.
import { DynamoDB } from '@aws-sdk/client-dynamodb';
import { RateLimiterDynamo } from 'rate-limiter-flexible';

const client = new DynamoDB({
  endpoint: process.argv[2],
  region: 'eu-central-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});
await client.createTable({
  TableName: 'peer',
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [{ AttributeName: 'key', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'key', KeyType: 'HASH' }],
});
const limiter = await new Promise((resolve, reject) => {
  const options = { storeClient: client, tableName: 'peer', tableCreated: true, points: 100, duration: 60 };
  const made = new RateLimiterDynamo(options, (error) => (error ? reject(error) : resolve(made)));
});

let admitted = 0;
const times = [];
const consumer = async () => {
  for (let request = 0; request < 10; request += 1) {
    const start = performance.now();
    try {
      await limiter.consume('crowd');
      admitted += 1;
    } catch (refusal) {
      if (refusal instanceof Error) throw refusal;
    }
    times.push(performance.now() - start);
  }
};
await Promise.all(Array.from({ length: 64 }, consumer));
times.sort((a, b) => a - b);
const at = (share) => times[Math.floor(times.length * share)].toFixed(2);
console.log(admitted, at(0.5), at(0.99));
