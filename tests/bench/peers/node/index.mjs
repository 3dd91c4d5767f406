// Create, pay and confirm as a user would write them for Lambda in Node.js: the AWS SDK's document client, made once, and
// the platform's own fetch. The table, its indexes and the calls are those of Paylink's functions.
import { createHash, randomBytes } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand, DynamoDBDocumentClient, GetCommand, PutCommand, TransactWriteCommand, UpdateCommand,
} from '@aws-sdk/lib-dynamodb';

const table = process.env.PAYLINK_TABLE;
const base = process.env.PAYLINK_BASE_URL;
const gateway = process.env.PEER_ZARINPAL_URL;
const keyHash = process.env.PEER_API_KEY_SHA256;
const merchant = process.env.PEER_MERCHANT_ID;
const client = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint: process.env.AWS_ENDPOINT_URL_DYNAMODB }));

const answer = (statusCode, body) => ({
  statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
});
const redirect = (location) => ({ statusCode: 303, headers: { location } });
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

async function atGateway(call, body) {
  const reply = await fetch(`${gateway}/pg/v4/payment/${call}.json`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ merchant_id: merchant, ...body }),
  });
  return (await reply.json()).data;
}

async function create(event) {
  const key = (event.headers.authorization ?? '').replace('Bearer ', '');
  if (sha256(key) !== keyHash) return answer(401, { code: 'unauthorized' });
  const request = JSON.parse(event.body);
  const token = randomBytes(16).toString('hex');
  const id = `pl_${sha256(token).slice(0, 22)}`;
  const found = await client.send(new BatchGetCommand({
    RequestItems: {
      [table]: {
        ConsistentRead: true,
        Keys: [
          { pk: `link#${id}`, sk: 'link' },
          { pk: 'config#demo', sk: `account#${request.account_id}` },
          { pk: `contact#demo#${request.contact_id}`, sk: 'contact' },
          { pk: `item#demo#${request.item_id}`, sk: 'item' },
        ],
      },
    },
  }));
  const records = Object.fromEntries(found.Responses[table].map((item) => [item.pk.split('#')[0], item]));
  if (!records.config || !records.contact || !records.item) return answer(422, { code: 'not_found' });
  const now = Date.now();
  const amount = request.amount ?? records.item.amount.amount;
  if (!Number.isInteger(amount) || amount <= 0) return answer(422, { code: 'amount_not_payable' });
  const link = {
    pk: `link#${id}`, sk: 'link', id, token, version: 1, status: 'active', amount, currency: 'IRR',
    account_id: request.account_id, contact_id: request.contact_id, item_id: request.item_id,
    description: request.description, after_payment: request.after_payment, attempts: [],
    created_at: new Date(now).toISOString(), expires_at: new Date(now + 7 * 86400000).toISOString(),
    by_contact: `links#demo#${request.contact_id}`, by_item: `links#demo#${request.item_id}`,
    by_state: 'live#demo', listed_at: `${now}#${id}`,
    due_kind: `peer#${parseInt(sha256(id).slice(0, 2), 16) % 16}`, due_at: now + 7 * 86400000,
  };
  await client.send(new PutCommand({
    TableName: table, Item: link, ConditionExpression: 'attribute_not_exists(pk)',
  }));
  return answer(201, { id, url: `${base}/p/${token}`, status: 'active', amount, currency: 'IRR' });
}

async function pay(token) {
  const id = `pl_${sha256(token).slice(0, 22)}`;
  const key = { pk: `link#${id}`, sk: 'link' };
  const { Item: link } = await client.send(new GetCommand({ TableName: table, Key: key, ConsistentRead: true }));
  if (!link) return answer(404, { code: 'not_found' });
  if (link.status !== 'active' || Date.parse(link.expires_at) <= Date.now()) return answer(410, { code: link.status });
  const current = link.attempts.at(-1);
  if (current && current.session_ends_at > Date.now()) return redirect(current.pay_at);
  const attempt = randomBytes(16).toString('hex');
  const { authority } = await atGateway('request', {
    amount: link.amount, currency: 'IRR', description: link.description,
    callback_url: `${base}/gateways/zarinpal/return/${id}/${attempt}`, metadata: { order_id: attempt },
  });
  const payAt = `${gateway}/pg/StartPay/${authority}`;
  await client.send(new UpdateCommand({
    TableName: table, Key: key,
    UpdateExpression: 'SET attempts = list_append(attempts, :attempt), version = version + :one, due_at = :due',
    ConditionExpression: 'version = :seen',
    ExpressionAttributeValues: {
      ':attempt': [{ id: attempt, authority, pay_at: payAt, state: 'open', session_ends_at: Date.now() + 900000 }],
      ':one': 1, ':seen': link.version, ':due': Date.now() + 60000,
    },
  }));
  return redirect(payAt);
}

async function confirm(id, attemptId) {
  const key = { pk: `link#${id}`, sk: 'link' };
  const { Item: link } = await client.send(new GetCommand({ TableName: table, Key: key, ConsistentRead: true }));
  const position = link?.attempts.findIndex((attempt) => attempt.id === attemptId) ?? -1;
  if (position < 0) return answer(404, { code: 'not_found' });
  const done = redirect(`${base}/p/${link.token}/result`);
  if (link.status !== 'active') return done;
  // Verifying takes the money, so that the intention is written first.
  await client.send(new UpdateCommand({
    TableName: table, Key: key,
    UpdateExpression: `SET attempts[${position}].#state = :confirming, version = version + :one, due_at = :due`,
    ConditionExpression: 'version = :seen',
    ExpressionAttributeNames: { '#state': 'state' },
    ExpressionAttributeValues: { ':confirming': 'confirming', ':one': 1, ':seen': link.version, ':due': Date.now() + 60000 },
  }));
  const data = await atGateway('verify', { amount: link.amount, authority: link.attempts[position].authority });
  if (![100, 101].includes(data?.code)) return done;
  const now = new Date().toISOString();
  const receipt = `rc_${sha256(attemptId).slice(0, 22)}`;
  await client.send(new TransactWriteCommand({
    TransactItems: [
      {
        Update: {
          TableName: table, Key: key,
          UpdateExpression:
            `SET #status = :paid, paid_at = :now, attempts[${position}].#state = :paid, version = version + :one REMOVE due_kind, due_at`,
          ConditionExpression: 'version = :seen',
          ExpressionAttributeNames: { '#status': 'status', '#state': 'state' },
          ExpressionAttributeValues: { ':paid': 'paid', ':now': now, ':one': 1, ':seen': link.version + 1 },
        },
      },
      {
        Put: {
          TableName: table, Item: { pk: `claim#sandbox#zarinpal#${data.ref_id}`, sk: 'claim', attempt_id: attemptId },
          ConditionExpression: 'attribute_not_exists(pk)',
        },
      },
      {
        Put: {
          TableName: table,
          Item: {
            pk: `receipt#demo#${receipt}`, sk: 'receipt', id: receipt, link_id: id, amount: link.amount, currency: 'IRR',
            reference: String(data.ref_id), paid_at: now, by_contact: `receipts#demo#${link.contact_id}`,
            by_item: `receipts#demo#${link.item_id}`, listed_at: `${Date.now()}#${receipt}`,
          },
          ConditionExpression: 'attribute_not_exists(pk)',
        },
      },
      { Put: { TableName: table, Item: { pk: `item#demo#${link.item_id}`, sk: `receipt#settlement#${receipt}`, link_id: id } } },
    ],
  }));
  return done;
}

export async function handler(event) {
  const [, first, second, third, fourth, fifth] = event.rawPath.split('/');
  if (first === 'v1') return create(event);
  if (first === 'p') return pay(second);
  if (first === 'gateways' && third === 'return') return confirm(fourth, fifth);
  return answer(404, { code: 'not_found' });
}
