// Activepieces' cipher in Node's own words: {op: "seal", key, plain} -> {iv, data}, {op: "open", key, sealed} -> {plain}.
// Knows nothing of Leno; compare packages/server/api/src/app/helper/encryption.ts there.
import crypto from 'node:crypto';
import { text } from 'node:stream/consumers';

const ask = JSON.parse(await text(process.stdin));
const key = /^[0-9a-f]{64}$/i.test(ask.key) ? Buffer.from(ask.key, 'hex') : Buffer.from(ask.key, 'binary');

if (ask.op === 'seal') {
  const iv = crypto.randomBytes(16);
  const cipher = crypto.createCipheriv('aes-256-cbc', key, iv);
  const data = Buffer.concat([cipher.update(ask.plain, 'utf8'), cipher.final()]);
  console.log(JSON.stringify({ iv: iv.toString('hex'), data: data.toString('hex') }));
} else {
  const decipher = crypto.createDecipheriv('aes-256-cbc', key, Buffer.from(ask.sealed.iv, 'hex'));
  const plain = Buffer.concat([decipher.update(Buffer.from(ask.sealed.data, 'hex')), decipher.final()]);
  console.log(JSON.stringify({ plain: plain.toString('utf8') }));
}
