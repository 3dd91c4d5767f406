// What an integrator writes with the types that openapi-typescript makes, and openapi-fetch. It has to pass the type
// checker, and is run against the product.

import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from '../generated/openapi-typescript.d.ts';
import { apiKey, baseUrl, paidLink } from './product.ts';

type Event = components['schemas']['Event'];
type PaymentLink = components['schemas']['PaymentLink'];
type Problem = components['schemas']['Problem'];

// Types do not say how lists are written in an address: with commas between their entries.
const querySerializer = { array: { style: 'form', explode: false } } as const;
const paylink = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${apiKey}` }, querySerializer });

const wanted: components['schemas']['PaymentLinkCreate'] = {
  account_id: 'main', contact_id: 'c-1042', amount: 1_500_000, expires_in_days: 7, description: 'By openapi-typescript',
  recipients: { contact: true, roles: ['manager'] },
};

// The draft of a link that cannot be made says why, and where in the body.
const draft = await paylink.POST('/v1/payment-links/draft', { body: { ...wanted, amount: 0 } });
assert.ok(draft.data, JSON.stringify(draft.error));
assert.deepEqual(draft.data.problems.map((problem) => [problem.pointer, problem.code]), [['/amount', 'amount_not_payable']]);

// Making it all the same is refused with a problem, which is of another type than a link.
const refused = await paylink.POST('/v1/payment-links', { body: { ...wanted, amount: 0 } });
const codes = (problem: Problem): string[] => problem.errors?.map((error) => error.code) ?? [problem.code];
assert.ok(refused.error);
assert.deepEqual(codes(refused.error), ['amount_not_payable']);

// The same key twice is the same link.
const params = { header: { 'Idempotency-Key': 'by-openapi-typescript' } };
const made = await paylink.POST('/v1/payment-links', { body: wanted, params });
const again = await paylink.POST('/v1/payment-links', { body: wanted, params });
assert.ok(made.data, JSON.stringify(made.error));
assert.equal(again.data?.id, made.data.id);

const sayStatus = (link: PaymentLink): string => {
  switch (link.status) {
    case 'active': return `waits until ${link.expires_at}`;
    case 'paid': return `was paid at ${link.paid_at}`;
    case 'expired': return `expired at ${link.expired_at}`;
    case 'cancelled': return `was cancelled at ${link.cancelled_at}`;
    case 'replaced': return `was replaced by ${link.replaced_by}`;
    default: return link.status satisfies never;
  }
};
assert.match(sayStatus(made.data), /^waits until 2/);

// Every link is on one of the pages.
const ids: string[] = [];
for (let cursor: string | undefined, more = true; more;) {
  const { data, error } = await paylink.GET('/v1/payment-links', {
    params: { query: { limit: 1, status: ['active', 'paid'], ...(cursor && { cursor }) } },
  });
  assert.ok(data, JSON.stringify(error));
  ids.push(...data.data.map((link) => link.id));
  cursor = data.next_cursor ?? undefined;
  more = data.has_more;
}
assert.ok(ids.includes(made.data.id) && ids.includes(paidLink));

const paid = await paylink.GET('/v1/payment-links/{id}', { params: { path: { id: paidLink } } });
assert.ok(paid.data, JSON.stringify(paid.error));
const [receiptId] = paid.data.receipts;
assert.ok(receiptId);
const receipt = await paylink.GET('/v1/receipts/{id}', { params: { path: { id: receiptId } } });
assert.ok(receipt.data, JSON.stringify(receipt.error));
assert.equal(receipt.data.payment_link_id, paidLink);
assert.equal(receipt.data.amount, paid.data.amount);

// What was read of a record can be put back as it is, but for what is to be another.
const contact = { params: { path: { id: 'c-1042' } } };
const read = await paylink.GET('/v1/contacts/{id}', contact);
assert.ok(read.data, JSON.stringify(read.error));
const profile_url = 'https://crm.example/by-openapi-typescript';
const put = await paylink.PUT('/v1/contacts/{id}', { ...contact, body: { ...read.data, profile_url } });
assert.deepEqual(put.data, { ...read.data, profile_url });

// What an event carries follows from its type, and every type is named.
const sayEvent = (event: Event): string | null => {
  switch (event.type) {
    case 'payment_link.created':
    case 'payment_link.opened':
    case 'payment_link.part_paid':
    case 'payment_link.paid':
    case 'payment_link.expired':
    case 'payment_link.cancelled':
    case 'payment_link.replaced':
    case 'payment_link.renewal_requested':
    case 'payment_link.held':
    case 'payment_link.released':
    case 'attempt.failed':
    case 'attempt.needs_review':
    case 'refund.created':
    case 'refund.succeeded':
    case 'refund.failed':
    case 'refund.needs_review':
    case 'dispute.opened':
    case 'dispute.won':
    case 'dispute.lost':
    case 'message.failed':
      return sayStatus(event.data);
    case 'receipt.registered':
    case 'receipt.voided':
      return event.data.gateway_reference;
    case 'look_back.failed':
      return event.data.failure_code;
    case 'audit_entry.created':
      return event.data.action;
    default:
      return event satisfies never;
  }
};
const events = await paylink.GET('/v1/events', {
  params: { query: { type: ['payment_link.paid', 'receipt.registered'], limit: 100 } },
});
assert.ok(events.data, JSON.stringify(events.error));
const about = events.data.data.filter((event) => event.payment_link_id === paidLink);
assert.deepEqual(
  new Map(about.map((event) => [event.type, sayEvent(event)])),
  new Map([['payment_link.paid', sayStatus(paid.data)], ['receipt.registered', receipt.data.gateway_reference]]),
);
