// What an integrator writes with the client that orval makes. It has to pass the type checker, and is run against the
// product.

import assert from 'node:assert/strict';
import {
  createPaymentLink, draftPaymentLink, listEvents, listPaymentLinks, getPaymentLink, getReceipt,
} from '../generated/orval.ts';
import type { Event, PaymentLink, PaymentLinkCreate, Problem } from '../generated/orval.ts';
import { paidLink } from './product.ts';

const wanted: PaymentLinkCreate = {
  account_id: 'main', contact_id: 'c-1042', amount: 1_500_000, expires_in_days: 7, description: 'By orval',
  recipients: { contact: true, roles: ['manager'] },
};

// The draft of a link that cannot be made says why, and where in the body.
const draft = await draftPaymentLink({ ...wanted, amount: 0 });
assert.ok(draft.status === 200, JSON.stringify(draft.data));
assert.deepEqual(draft.data.problems.map((problem) => [problem.pointer, problem.code]), [['/amount', 'amount_not_payable']]);

// Making it all the same is refused with a problem, which is of another type than a link.
const refused = await createPaymentLink({ ...wanted, amount: 0 });
const codes = (problem: Problem): string[] => problem.errors?.map((error) => error.code) ?? [problem.code];
assert.ok(refused.status === 422);
assert.deepEqual(codes(refused.data), ['amount_not_payable']);

// The same key twice is the same link.
const options = { headers: { 'Idempotency-Key': 'by-orval' } };
const made = await createPaymentLink(wanted, options);
const again = await createPaymentLink(wanted, options);
assert.ok(made.status === 201 && again.status === 201, JSON.stringify(made.data));
assert.equal(again.data.id, made.data.id);

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
  const page: Awaited<ReturnType<typeof listPaymentLinks>> = await listPaymentLinks({
    limit: 1, status: ['active', 'paid'], ...(cursor && { cursor }),
  });
  assert.ok(page.status === 200, JSON.stringify(page.data));
  ids.push(...page.data.data.map((link) => link.id));
  cursor = page.data.next_cursor ?? undefined;
  more = page.data.has_more;
}
assert.ok(ids.includes(made.data.id) && ids.includes(paidLink));

const paid = await getPaymentLink(paidLink);
assert.ok(paid.status === 200, JSON.stringify(paid.data));
const [receiptId] = paid.data.receipts;
assert.ok(receiptId);
const receipt = await getReceipt(receiptId);
assert.ok(receipt.status === 200, JSON.stringify(receipt.data));
assert.equal(receipt.data.payment_link_id, paidLink);
assert.equal(receipt.data.amount, paid.data.amount);

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
const events = await listEvents({ type: ['payment_link.paid', 'receipt.registered'], limit: 100 });
assert.ok(events.status === 200, JSON.stringify(events.data));
const about = events.data.data.filter((event) => event.payment_link_id === paidLink);
assert.deepEqual(
  new Map(about.map((event) => [event.type, sayEvent(event)])),
  new Map([['payment_link.paid', sayStatus(paid.data)], ['receipt.registered', receipt.data.gateway_reference]]),
);
