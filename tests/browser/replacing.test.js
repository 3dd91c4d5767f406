// Links in whose place there are others, in a real browser: old addresses and QR codes, and asking for a new link.

import assert from 'node:assert/strict';
import { contract, finish, forEachOf, linkFor, stage, threeVisitors, title } from './stage.js';
import { crm, lookAt, readLink } from './world.js';

const say = {
  fa: { paid: 'پرداخت شد', expired: 'مهلت این لینک تمام شده است', asked: 'لینک جدیدی می‌خواهید' },
  en: { paid: 'Payment received', expired: 'This link has expired', asked: 'would like a new link' },
  ar: { paid: 'تم الدفع', expired: 'انتهت صلاحية هذا الرابط', asked: 'تريدون رابطًا جديدًا' },
};

const on = stage();

const makeLink = (visitor, more) => linkFor(visitor, contract, more);

const replace = (link, body = {}) => crm('POST', `/v1/payment-links/${link.id}/replace`, body);

const forEach = forEachOf(threeVisitors, on, say);

forEach('an old address leads to the newest link, which is paid there', async (page, visitor, words) => {
  const first = await makeLink(visitor);
  const second = await replace(first, { amount: visitor.amount - 10_000 });
  const newest = await replace(second, { amount: visitor.amount - 20_000 });
  // What stood on the invoice as a QR code is the address of the first.
  await page.goto(first.url, { waitUntil: 'commit' });
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
  assert.ok(page.url().startsWith(newest.url), page.url());
  assert.deepEqual([(await readLink(newest)).status, (await readLink(first)).status], ['paid', 'replaced']);
  // A page of the old link that was left open leads there as well.
  await page.goto(`${first.url}/result`);
  assert.ok(page.url().startsWith(newest.url), page.url());
});

forEach('a customer of a link that expired asks for a new one and is told so, and the old address leads there', async (page, visitor, words) => {
  const link = await makeLink(visitor, { expires_at: new Date(Date.now() + 1000).toISOString() });
  await page.waitForTimeout(1100);
  await page.goto(link.url);
  assert.equal(await title(page), words.expired);
  const button = page.locator('button.minor');
  assert.ok((await button.boundingBox()).height >= 44, 'it is big enough to hit');
  await lookAt(page, `expired-with-a-button-${visitor.name}`);
  await button.click();
  await page.waitForURL(`${link.url}/ask-again`);
  assert.ok((await page.locator('main').innerText()).includes(words.asked));
  assert.equal(await button.count(), 0);
  await lookAt(page, `asked-for-a-new-link-${visitor.name}`);
  assert.equal(typeof (await readLink(link)).renewal_requested_at, 'string');
  const newest = await replace(link);
  await page.goto(link.url, { waitUntil: 'commit' });
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
  assert.ok(page.url().startsWith(newest.url), page.url());
});
