// Paying in parts, in a real browser: choosing, paying the rest, typing an amount, and two tabs at once.

import assert from 'node:assert/strict';
import { contract, finish, forEachOf, linkFor, stage, threeVisitors, title } from './stage.js';
import { cloud, lookAt, otherTab, readLink } from './world.js';

const say = {
  fa: { partPaid: 'بخشی از مبلغ پرداخت شد', paid: 'پرداخت شد', range: 'از' },
  en: { partPaid: 'Part of it is paid', paid: 'Payment received', range: 'From' },
  ar: { partPaid: 'تم دفع جزء من المبلغ', paid: 'تم الدفع', range: 'من' },
};

const on = stage();

const inDays = (days) => new Date(Date.now() + days * 24 * 3600 * 1000).toISOString();

const instalments = (amount) => ({
  parts: [{ amount: amount / 5, due_at: inDays(10) }, { amount: (amount * 2) / 5, due_at: inDays(40) },
    { amount: (amount * 2) / 5, due_at: inDays(70) }],
});

const makeLink = (visitor, plan) => linkFor(visitor, contract, { payment_plan: plan });

const button = (page, pay) => page.locator(`button[name="pay"][value="${pay}"]`);

const forEach = forEachOf(threeVisitors, on, say);

forEach('a customer pays the next part, then another one, then all that is left', async (page, visitor, words) => {
  const link = await makeLink(visitor, instalments(visitor.amount));
  await page.goto(link.url);
  await lookAt(page, `parts-choice-${visitor.name}`);
  await button(page, 'part').click();
  await finish(page, 'paid');
  assert.equal(await title(page), words.partPaid);
  await lookAt(page, `parts-first-paid-${visitor.name}`);
  assert.equal((await readLink(link)).amount_paid, visitor.amount / 5);
  await page.locator('a.button').click();
  await button(page, 'part').click();
  await finish(page, 'paid');
  assert.equal(await title(page), words.partPaid);
  await page.goto(link.url);
  await lookAt(page, `parts-last-${visitor.name}`);
  assert.equal(await button(page, 'part').count(), 0, 'nothing is left to choose');
  await page.locator('button.button').click();
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
  const { status, payments, receipts, amount_due } = await readLink(link);
  assert.deepEqual([status, payments.length, receipts.length, amount_due], ['paid', 3, 3, 0]);
  await lookAt(page, `parts-all-paid-${visitor.name}`);
});

forEach('an amount is typed with any digits, and what cannot be paid is said beside it', async (page, visitor, words) => {
  const link = await makeLink(visitor, { minimum: visitor.amount / 5 });
  await page.goto(link.url);
  await page.locator('summary').click();
  const [less, enough] = { fa: ['۱٬۰۰۰', '۷۰٬۰۰۰'], en: ['10.00', '700.00'], ar: ['١٠', '٧٠٠'] }[visitor.language];
  await page.locator('input[name="amount"]').fill(less);
  await button(page, 'other').click();
  assert.ok((await page.locator('[role="alert"]').innerText()).includes(words.range));
  assert.ok(await page.locator('input[name="amount"]').isVisible(), 'it can be typed again at once');
  await lookAt(page, `parts-typed-too-little-${visitor.name}`);
  assert.deepEqual((await readLink(link)).attempts, []);
  await page.locator('input[name="amount"]').fill(enough);
  await button(page, 'other').click();
  await finish(page, 'paid');
  assert.equal(await title(page), words.partPaid);
  assert.equal((await readLink(link)).amount_paid, visitor.account === 'main' ? 700_000 : 70_000);
});

forEach('two tabs pay no more than is due', async (page, visitor, words) => {
  const link = await makeLink(visitor, { minimum: visitor.amount / 5 });
  await page.goto(link.url);
  const second = await otherTab(page);
  await second.goto(link.url);
  await button(page, 'part').click();
  await page.waitForURL(`${cloud}/**`);
  await button(second, 'all').click();
  await finish(second, 'paid');
  assert.equal(await title(second), words.paid);
  // The first tab is still at the gateway: whatever happens there, nothing more is kept.
  const buttons = page.locator('button[name="outcome"][value="paid"]');
  if (await buttons.count()) await buttons.click();
  const { status, amount_paid, payments } = await readLink(link);
  assert.deepEqual([status, amount_paid, payments.length], ['paid', visitor.amount, 1]);
});
