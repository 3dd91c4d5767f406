// Links of one invoice, in a real browser: one that another link has paid, two tabs at two of them, and what is left of it.

import assert from 'node:assert/strict';
import { arrive, finish, forEachOf, linkFor, stage, threeVisitors, title } from './stage.js';
import { crm, lookAt, otherTab, readLink } from './world.js';

const say = {
  fa: { paid: 'پرداخت شد', paidElsewhere: 'این مبلغ پیش‌تر پرداخت شده است', left: 'مانده است و با پرداخت آن چیزی نمی‌ماند', back: 'پول شما برمی‌گردد' },
  en: { paid: 'Payment received', paidElsewhere: 'This has already been paid', left: 'is left to pay. That pays all of it.', back: 'Your money is being returned' },
  ar: { paid: 'تم الدفع', paidElsewhere: 'سبق دفع هذا المبلغ', left: 'وبدفعه لا يبقى شيء', back: 'سيُعاد المبلغ إليكم' },
};

const on = stage();

const invoice = { fa: 'فاکتور ۷۷', en: 'Invoice 77', ar: 'الفاتورة ٧٧' };

let invoices = 0;

/** Links over these amounts of one invoice, which is over all that a visitor pays. */
async function linksOfOneInvoice(visitor, ...amounts) {
  invoices += 1;
  const id = `guarded-${invoices}`;
  await crm('PUT', `/v1/items/${id}`, {
    kind: 'invoice', title: invoice[visitor.language], contact_id: 'c-1042', amount: visitor.amount,
    currency: visitor.account === 'main' ? 'IRR' : 'EUR',
  });
  const links = [];
  for (const amount of amounts) links.push(await linkFor(visitor, invoice, { item_id: id, amount }));
  return links;
}

/** Whatever could lead on to a payment, or say that there was one. */
const leadsOn = (page) => page.locator('main form, main a.button, main button.button');

/** The links of an invoice of which nothing is left end by themselves, once nobody is paying. */
async function untilEnded(link) {
  for (let round = 0; round < 100; round += 1) {
    const { status, cancel_reason } = await readLink(link);
    if (status !== 'active') return [status, cancel_reason];
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  throw new Error(`${link.id} is still active`);
}

const forEach = forEachOf(threeVisitors, on, say);

forEach('who opens a link of an invoice that another link paid reads so, and finds no button', async (page, visitor, words) => {
  const [first, second] = await linksOfOneInvoice(visitor, visitor.amount, visitor.amount);
  await arrive(page, first);
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
  // It says so at once, and goes on to once the link has ended because of it.
  for (const ending of [async () => {}, async () => assert.deepEqual(await untilEnded(second), ['cancelled', 'item_paid'])]) {
    await ending();
    await page.goto(second.url);
    assert.equal(await title(page), words.paidElsewhere);
    assert.equal(await leadsOn(page).count(), 0);
  }
  await lookAt(page, `paid-elsewhere-${visitor.name}`);
  assert.deepEqual((await readLink(second)).attempts, [], 'nobody was sent to the gateway');
});

forEach('two tabs at two links of one invoice pay it once', async (page, visitor, words) => {
  const [first, second] = await linksOfOneInvoice(visitor, visitor.amount, visitor.amount);
  await arrive(page, first);
  const tab = await otherTab(page);
  await arrive(tab, second);
  await finish(tab, 'paid');
  assert.equal(await title(tab), words.paid);
  // The first tab is still at the gateway, and pays there all the same.
  await finish(page, 'paid');
  assert.equal(await title(page), words.back);
  assert.equal(await leadsOn(page).count(), 0, 'nobody is led to pay it once more');
  await lookAt(page, `second-tab-of-an-invoice-${visitor.name}`);
  await page.goto(first.url);
  assert.notEqual(await title(page), words.paid);
  assert.equal(await leadsOn(page).count(), 0);
  const [one, other] = [await readLink(first), await readLink(second)];
  assert.deepEqual([one.payments, one.receipts, one.amount_paid], [[], [], 0]);
  assert.deepEqual([other.status, other.payments.length, other.receipts.length], ['paid', 1, 1]);
  assert.deepEqual(tab.troubles, []);
});

forEach('where less is left of an invoice that is offered, and closes the link', async (page, visitor, words) => {
  const deposit = (visitor.amount * 2) / 5;
  const [whole, part] = await linksOfOneInvoice(visitor, visitor.amount, deposit);
  await arrive(page, part);
  await finish(page, 'paid');
  await page.goto(whole.url);
  assert.ok((await page.locator('main').innerText()).includes(words.left));
  const button = page.locator('form[action$="/go"] button.button');
  assert.equal(await button.count(), 1, 'there is nothing to choose');
  assert.ok((await button.boundingBox()).height >= 44, 'it is big enough to hit');
  await lookAt(page, `less-is-due-${visitor.name}`);
  await button.click();
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
  await lookAt(page, `less-is-paid-${visitor.name}`);
  const { status, amount_paid, amount_due } = await readLink(whole);
  assert.deepEqual([status, amount_paid, amount_due], ['paid', visitor.amount - deposit, 0]);
});
