// What a customer meets, in a real browser: both gateways, both languages, a phone and a desktop.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { base, cloud, crm, customer, lookAt, readLink, startBrowser, startCloud, sweep } from './world.js';

const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 800 };

const visitors = [
  { name: 'phone-fa-zarinpal', viewport: phone, language: 'fa', account: 'main', amount: 1_500_000 },
  { name: 'desktop-en-stripe', viewport: desktop, language: 'en', account: 'euro', amount: 1999, scheme: 'dark' },
  { name: 'phone-en-stripe', viewport: phone, language: 'en', account: 'euro', amount: 1999 },
  { name: 'desktop-fa-zarinpal', viewport: desktop, language: 'fa', account: 'main', amount: 1_500_000, scheme: 'dark' },
];

const say = {
  fa: { paid: 'پرداخت شد', failed: 'پرداخت انجام نشد', expired: 'مهلت این لینک تمام شده است', cancelled: 'این لینک لغو شده است', confirming: 'پرداخت شما در حال تأیید است', back: 'پول شما برمی‌گردد' },
  en: { paid: 'Paid', failed: 'The payment was not made', unfinished: 'The payment is not finished', expired: 'This link has expired', cancelled: 'This link was cancelled', confirming: 'Your payment is being confirmed', back: 'Your money goes back' },
};

let browser;
let stopCloud;

before(async () => {
  stopCloud = await startCloud();
  browser = await startBrowser();
}, { timeout: 1_200_000 });

after(async () => {
  await browser?.close();
  await stopCloud?.();
});

const makeLink = (visitor, more = {}) => crm('POST', '/v1/payment-links', {
  account_id: visitor.account, contact_id: 'c-1042', amount: visitor.amount, locale: visitor.language,
  description: visitor.language === 'fa' ? 'فاکتور ۷۷' : 'Invoice 77', ...more,
});

const open = (visitor) => customer(browser, { ...visitor, browserLanguage: visitor.language === 'fa' ? 'fa-IR' : 'en-GB' });
const title = (page) => page.locator('h1').innerText();
const choose = (page, outcome) => page.locator(`button[name="outcome"][value="${outcome}"]`).click();

/** A test for each visitor. */
function forEach(sentence, scenario, among = visitors) {
  for (const visitor of among) {
    test(`${sentence} (${visitor.name})`, async () => {
      const page = await open(visitor);
      await scenario(page, visitor, say[visitor.language]);
      await page.context().close();
    });
  }
}

forEach('one tap leads to the gateway, and paying there to a page that says it is paid', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  await page.goto(link.url);
  assert.ok(page.url().startsWith(cloud), 'the gateway, without anything in between');
  await choose(page, 'paid');
  assert.equal(await title(page), words.paid);
  assert.equal(await page.locator('html').getAttribute('dir'), visitor.language === 'fa' ? 'rtl' : 'ltr');
  await lookAt(page, `paid-${visitor.name}`);
  assert.equal((await readLink(link)).receipts.length, 1);

  await page.reload();
  assert.equal(await title(page), words.paid);
  await page.goBack();
  await page.goto(link.url);
  assert.equal(await title(page), words.paid, 'a paid link is never paid again');
  assert.equal((await readLink(link)).attempts.length, 1);
});

forEach('a failed or cancelled payment says so and can be tried again', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  await page.goto(link.url);
  await choose(page, 'cancelled');
  assert.equal(await title(page), visitor.account === 'main' ? words.failed : words.unfinished);
  await lookAt(page, `not-paid-${visitor.name}`);
  await page.locator('a.button').click();
  await page.waitForURL(`${cloud}/**`);
  await choose(page, 'paid');
  assert.equal(await title(page), words.paid);
});

forEach('two tabs lead to one session', async (page, visitor) => {
  const link = await makeLink(visitor);
  const other = await page.context().newPage();
  await Promise.all([page.goto(link.url), other.goto(link.url)]);
  assert.equal(page.url(), other.url());
});

forEach('a payment begun in time may finish after the link has expired', async (page, visitor, words) => {
  const link = await makeLink(visitor, { expires_at: new Date(Date.now() + 2500).toISOString() });
  await page.goto(link.url);
  await page.waitForTimeout(2600);
  await choose(page, 'paid');
  assert.equal(await title(page), words.paid);
});

forEach('an expired link says so', async (page, visitor, words) => {
  const link = await makeLink(visitor, { expires_at: new Date(Date.now() + 1000).toISOString() });
  await page.waitForTimeout(1100);
  const answer = await page.goto(link.url);
  assert.deepEqual([answer.status(), await title(page)], [410, words.expired]);
  await lookAt(page, `expired-${visitor.name}`);
});

forEach('a link that the business cancelled says so, and money that came too late goes back', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  await page.goto(link.url);
  const gateway = page.url();
  await crm('POST', `/v1/payment-links/${link.id}/cancel`, { force: true });
  const other = await page.context().newPage();
  other.troubles = [];
  const answer = await other.goto(link.url);
  assert.deepEqual([answer.status(), await title(other)], [410, words.cancelled]);
  await lookAt(other, `cancelled-${visitor.name}`);
  assert.equal(page.url(), gateway);
  await choose(page, visitor.account === 'main' ? 'paid' : 'paid_no_webhook');
  assert.equal(await title(page), words.back);
  await lookAt(page, `money-goes-back-${visitor.name}`);
});

forEach('who paid, closed the browser and opens the link again is told the truth', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  await page.goto(link.url);
  const gateway = page.url();
  await choose(page, visitor.account === 'main' ? 'paid_no_return' : 'paid_silent');
  assert.ok(gateway.startsWith(cloud));
  await page.waitForTimeout(16_000);
  await page.goto(link.url);
  assert.ok([words.confirming, words.paid].includes(await title(page)), await title(page));
  await lookAt(page, `confirming-${visitor.name}`);
  // The gateway is asked a minute after the session was opened.
  await page.waitForTimeout(46_000);
  await sweep();
  // The page asks again by itself.
  await page.locator('h1.good').waitFor({ timeout: 20_000 });
  assert.equal(await title(page), words.paid);
}, visitors.slice(0, 2));

forEach('the business has a page of its own before the gateway where it wants one', async (page, visitor, words) => {
  const account = await crm('GET', `/v1/accounts/${visitor.account}`);
  const { name, currency, mode, online_payment: { gateway } } = account;
  const write = (confirm_page) => crm('PUT', `/v1/accounts/${visitor.account}`, {
    name, currency, mode, online_payment: { enabled: true, gateway, confirm_page },
  });
  await write(true);
  const link = await makeLink(visitor);
  await write(false);
  await page.goto(link.url);
  assert.ok(page.url().startsWith(base));
  await lookAt(page, `confirm-${visitor.name}`);
  await page.locator('a.button').click();
  await page.waitForURL(`${cloud}/**`);
  await choose(page, 'paid');
  assert.equal(await title(page), words.paid);
});

forEach('a wrong link gets a page that helps', async (page, visitor) => {
  const answer = await page.goto(`${base}/p/2222222222222222222222`);
  assert.equal(answer.status(), 404);
  await lookAt(page, `unknown-${visitor.name}`);
});
