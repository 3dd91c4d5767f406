// The gateways' official Node clients, against the simulators, so that simulator and adapter are not two copies of the
// same misreading. SIMULATORS is where those are, FUNCTIONS where Paylink is; the keys are those of the demo business.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';

import { createMollieClient } from '@mollie/api-client';
import Razorpay from 'razorpay';
import Stripe from 'stripe';

const require = createRequire(import.meta.url);
const { SIMULATORS, FUNCTIONS } = process.env;
const BACK = 'http://localhost:1/back';

/** Makes a client that only knows encrypted connections, with an agent for those that are not. */
const inTheClear = (make) => {
  const [http, https] = [require('node:http'), require('node:https')];
  const { Agent } = https;
  https.Agent = http.Agent;
  try {
    return make();
  } finally {
    https.Agent = Agent;
  }
};

/** Tells a simulator how it behaves, as a tester does. */
const tell = (gateway, what, order) => fetch(`${SIMULATORS}/${gateway}/simulator/${what}`, {
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(order),
});

/** Presses a button of a simulator's payment page. */
const press = (page, outcome) =>
  fetch(page, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ outcome }) });

test('zarinpal-node-sdk', async () => {
  const { ZarinPal } = require('zarinpal-node-sdk');
  const merchantId = '1344b5d4-0048-11e8-94db-005056a205be';
  const client = new ZarinPal({ merchantId, sandbox: true });
  client.httpClient.defaults.baseURL = `${SIMULATORS}/zarinpal`;
  const amount = 20_000;
  const order = { amount, callback_url: BACK, description: 'Invoice 77', currency: 'IRR' };
  const { data: { authority } } = await client.payments.create(order);
  await press(`${SIMULATORS}/zarinpal/pg/StartPay/${authority}`, 'paid');
  const waiting = await client.unverified.list();
  assert.equal(waiting.data.authorities[0].authority, authority);
  assert.equal((await client.inquiries.inquire({ authority })).data.status, 'PAID');
  const first = await client.verifications.verify({ amount, authority });
  const second = await client.verifications.verify({ amount, authority });
  assert.deepEqual([first.data.code, second.data.code], [100, 101]);
  assert.equal(first.data.ref_id, second.data.ref_id);
  assert.equal((await client.reversals.reverse({ authority })).data.code, 100);
});

test('zibal', async () => {
  // The client has its host in a table of addresses.
  const urls = require('zibal/lib/urls');
  Object.assign(urls, {
    requestURL: `${SIMULATORS}/zibal/v1/request`,
    startURL: `${SIMULATORS}/zibal/start/`,
    verifyURL: `${SIMULATORS}/zibal/v1/verify`,
  });
  const Zibal = require('zibal');
  const client = new Zibal({ merchant: 'zibal', callbackUrl: BACK });
  const { trackId, result } = await client.request({ amount: 20_000, orderId: 'order-1' });
  assert.equal(result, 100);
  const back = await press(`${urls.startURL}${trackId}`, 'paid');
  assert.equal(new URL(back.headers.get('location')).searchParams.get('trackId'), String(trackId));
  const verified = await client.verify({ trackId });
  assert.deepEqual([verified.result, verified.amount, verified.orderId], [100, 20_000, 'order-1']);
});

test('stripe', async () => {
  const { hostname, port } = new URL(SIMULATORS);
  // The client knows a host and a port and no path, so a request goes through a function that puts the path in front.
  const httpClient = Stripe.createFetchHttpClient((url, init) => {
    const { pathname, search } = new URL(url);
    return fetch(`${SIMULATORS}/stripe${pathname}${search}`, init);
  });
  const key = 'sk_test_localDemoBusiness';
  const client = new Stripe(key, { host: hostname, port: Number(port), protocol: 'http', httpClient });
  const order = {
    mode: 'payment', success_url: `${BACK}?ok`, cancel_url: BACK, client_reference_id: 'order-1',
    line_items: [{
      quantity: 1, price_data: { currency: 'eur', unit_amount: 1999, product_data: { name: 'Invoice 77' } },
    }],
  };
  const session = await client.checkout.sessions.create(order);
  await press(session.url, 'paid_no_webhook');
  const paid = await client.checkout.sessions.retrieve(session.id);
  assert.deepEqual([paid.payment_status, paid.amount_total, paid.currency], ['paid', 1999, 'eur']);
  const refund = await client.refunds.create({ payment_intent: paid.payment_intent });
  assert.deepEqual([refund.status, refund.amount], ['succeeded', 1999]);
  const refunds = await client.refunds.list({ payment_intent: paid.payment_intent });
  assert.deepEqual(refunds.data.map(({ id }) => id), [refund.id]);
  const expand = ['payment_intent.latest_charge.balance_transaction'];
  const charge = (await client.checkout.sessions.retrieve(session.id, { expand })).payment_intent.latest_charge;
  assert.deepEqual([charge.refunded, charge.balance_transaction.currency], [true, 'eur']);
  const disputed = await client.checkout.sessions.create(order);
  await press(disputed.url, 'paid_no_webhook');
  const { payment_intent } = await client.checkout.sessions.retrieve(disputed.id);
  await tell('stripe', `${disputed.id}/dispute`, { days: 7 });
  const disputes = await client.disputes.list({ payment_intent }).autoPagingToArray({ limit: 10 });
  assert.deepEqual(disputes.map(({ status, amount }) => [status, amount]), [['needs_response', 1999]]);
  assert.ok(disputes[0].evidence_details.due_by > disputes[0].created);
  await tell('stripe', `${disputed.id}/complete_dispute`, { outcome: 'won' });
  for (let number = 0; number < 3; number += 1) {
    await tell('stripe', `${disputed.id}/dashboard_refund`, { amount: 100 });
  }
  const pages = await client.refunds.list({ payment_intent, limit: 2 }).autoPagingToArray({ limit: 10 });
  assert.equal(pages.length, 3, 'the client goes on where a page ends');
  const open = await client.checkout.sessions.create(order);
  assert.equal((await client.checkout.sessions.expire(open.id)).status, 'expired');
  await assert.rejects(client.checkout.sessions.expire(open.id), { type: 'StripeInvalidRequestError' });
});

test('what the library of Stripe signs is listened to, and nothing else', async () => {
  const payload = JSON.stringify({ id: 'evt_1', type: 'customer.created', data: { object: {} } });
  const tell = async (secret) => {
    const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret });
    const headers = { 'content-type': 'application/json', 'stripe-signature': signature };
    const url = `${FUNCTIONS}/gateways/stripe/notify/demo/euro`;
    return (await fetch(url, { method: 'POST', headers, body: payload })).status;
  };
  assert.equal(await tell('whsec_localDemoBusiness'), 200);
  assert.equal(await tell('whsec_somebodyElse'), 400);
});

test('razorpay', async () => {
  const { validatePaymentVerification } = require('razorpay/dist/utils/razorpay-utils');
  const key_secret = 'localDemoSecret';
  const client = new Razorpay({ key_id: 'rzp_test_localDemoBusiness', key_secret });
  client.api.rq.defaults.baseURL = `${SIMULATORS}/razorpay`;
  const order = {
    amount: 50_000, currency: 'INR', reference_id: 'order-1', description: 'Invoice 77', callback_url: BACK,
    callback_method: 'get', expire_by: Math.floor(Date.now() / 1000) + 3600,
  };
  const link = await client.paymentLink.create(order);
  const back = await press(link.short_url, 'paid_no_webhook');
  const given = new URL(back.headers.get('location')).searchParams;
  const named = (name) => given.get(`razorpay_${name}`);
  const signed = {
    payment_link_id: named('payment_link_id'), payment_link_reference_id: named('payment_link_reference_id'),
    payment_link_status: named('payment_link_status'), payment_id: named('payment_id'),
  };
  assert.ok(validatePaymentVerification(signed, named('signature'), key_secret), 'the way back is signed');
  const paid = await client.paymentLink.fetch(link.id);
  assert.deepEqual([paid.status, paid.amount_paid], ['paid', 50_000]);
  const payment = await client.payments.fetch(paid.payments[0].payment_id);
  assert.equal(payment.status, 'captured');
  assert.equal((await client.payments.refund(payment.id, { amount: 50_000 })).status, 'processed');
  await tell('razorpay', `${link.id}/dispute`, { amount: 20_000, days: 7 });
  await tell('razorpay', `${link.id}/complete_dispute`, { outcome: 'lost' });
  const disputes = (await client.disputes.all({ count: 100 })).items.filter((one) => one.payment_id === payment.id);
  assert.deepEqual(disputes.map((one) => [one.status, one.amount_deducted]), [['lost', 20_000]]);
  const refunds = await client.payments.fetchMultipleRefund(payment.id, { count: 100, skip: 0 });
  assert.deepEqual(refunds.items.map(({ status, amount }) => [status, amount]), [['processed', 50_000]]);
  const open = await client.paymentLink.create({ ...order, reference_id: 'order-2' });
  assert.equal((await client.paymentLink.cancel(open.id)).status, 'cancelled');
  await assert.rejects(client.paymentLink.cancel(open.id), { statusCode: 400 });
});

test('@mollie/api-client', async () => {
  const apiKey = 'test_localDemoBusinessKeyOfThirtyChars';
  const client = inTheClear(() => createMollieClient({ apiKey, apiEndpoint: `${SIMULATORS}/mollie/v2/` }));
  const order = {
    amount: { currency: 'EUR', value: '19.99' }, description: 'Invoice 77', redirectUrl: BACK,
    metadata: { order: '1' },
  };
  const payment = await client.payments.create(order);
  await press(payment.getCheckoutUrl(), 'paid');
  const paid = await client.payments.get(payment.id);
  assert.deepEqual([paid.status, paid.amount.value, paid.metadata.order], ['paid', '19.99', '1']);
  await tell('mollie', 'next_refund', { becomes: 'pending' });
  const refund = await client.paymentRefunds.create({ paymentId: payment.id, amount: order.amount });
  assert.equal(refund.status, 'pending');
  await tell('mollie', `${payment.id}/complete_refund`, { outcome: 'succeeded' });
  assert.equal((await client.paymentRefunds.get(refund.id, { paymentId: payment.id })).status, 'refunded');
  const returned = await client.payments.create(order);
  await press(returned.getCheckoutUrl(), 'paid');
  await tell('mollie', `${returned.id}/dispute`, { amount: 1000, reason: 'AC01' });
  const paymentId = returned.id;
  const [chargeback] = await client.paymentChargebacks.page({ paymentId, limit: 250 });
  assert.deepEqual([chargeback.amount.value, chargeback.reason.code, chargeback.reversedAt], ['10.00', 'AC01', undefined]);
  assert.equal((await client.payments.get(paymentId)).amountChargedBack.value, '10.00');
  await tell('mollie', `${paymentId}/complete_dispute`, { outcome: 'won' });
  assert.ok((await client.paymentChargebacks.page({ paymentId }))[0].reversedAt);
  for (let number = 0; number < 3; number += 1) {
    await tell('mollie', `${paymentId}/dashboard_refund`, { amount: 100 });
  }
  const first = await client.paymentRefunds.page({ paymentId, limit: 2 });
  assert.deepEqual([first.length, (await first.nextPage()).length], [2, 1]);
  const open = await client.payments.create(order);
  await press(open.getCheckoutUrl(), 'cancelable');
  assert.equal((await client.payments.cancel(open.id)).status, 'canceled');
  await assert.rejects(client.payments.create({ ...order, amount: { currency: 'EUR', value: '19.9' } }), {
    field: 'amount',
  });
});
