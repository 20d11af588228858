// Logs in with a certificate. Usage: external_with_amqplib.js URI CA CERTIFICATE KEY
'use strict';

const assert = require('node:assert');
const { readFileSync } = require('node:fs');
const amqp = require('amqplib');

async function main(uri, authority, certificate, key) {
  const ca = [readFileSync(authority)];
  const credentials = amqp.credentials.external();
  await assert.rejects(amqp.connect(uri, { ca, credentials }));
  console.log('ok refused without a certificate');

  const cert = readFileSync(certificate);
  const connection = await amqp.connect(uri, { ca, cert, key: readFileSync(key), credentials });
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const bodies = [0, 1, 4096, 16384, 2000000].map((size) => Buffer.alloc(size, size % 251));
  for (const body of bodies) channel.sendToQueue(queue, body);
  await channel.waitForConfirms();
  for (const body of bodies) {
    assert.ok((await channel.get(queue, { noAck: true })).content.equals(body), `${body.length}`);
  }
  await connection.close();
  console.log('ok messages of any size');
}

main(...process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1); });
