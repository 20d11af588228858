// What applications do with Node's amqplib: confirms, returns, prefetch. Usage: with_amqplib.js URI
'use strict';

const assert = require('node:assert');
const amqp = require('amqplib');

async function confirmsAndReturns(connection) {
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  for (let n = 0; n < 200; n += 1) channel.sendToQueue(queue, Buffer.from(String(n)), { persistent: true });
  await channel.waitForConfirms();
  assert.strictEqual((await channel.checkQueue(queue)).messageCount, 200);
  const returned = new Promise((resolve) => channel.once('return', resolve));
  channel.publish('', `${queue}-missing`, Buffer.from('lost'), { mandatory: true });
  assert.strictEqual((await returned).fields.replyText, 'NO_ROUTE');
  assert.strictEqual((await channel.purgeQueue(queue)).messageCount, 200);
  await channel.close();
}

async function consumeInOrder(connection) {
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, 'amq.topic', 'node.#');
  await channel.prefetch(3);
  const seen = [];
  const all = new Promise((resolve) => {
    channel.consume(queue, (message) => {
      seen.push(message.content.toString());
      channel.ack(message);
      if (seen.length === 50) resolve();
    });
  });
  for (let n = 0; n < 50; n += 1) channel.publish('amq.topic', `node.${n}`, Buffer.from(String(n)));
  await all;
  assert.deepStrictEqual(seen, Array.from({ length: 50 }, (_, n) => String(n)));
  await channel.close();
}

async function refused(connection) {
  const channel = await connection.createChannel();
  const failure = new Promise((resolve) => channel.on('error', resolve));
  await assert.rejects(channel.checkQueue('node.nothing'));
  assert.match((await failure).message, /404.*NOT_FOUND - no queue 'node.nothing' in vhost '\/'/);
}

async function main(uri) {
  const connection = await amqp.connect(uri);
  for (const part of [confirmsAndReturns, consumeInOrder, refused]) {
    await part(connection);
    console.log('ok', part.name);
  }
  await connection.close();
}

main(process.argv[2]).catch((error) => { console.error(error); process.exit(1); });
