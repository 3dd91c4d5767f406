// What a customer meets, in a real browser: both gateways, every language, a phone and a desktop.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  base, cloud, crm, customer, keep, logo, lookAt, misbehave, readLink, startBrowser, startCloud, sweep, tamper,
} from './world.js';

const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 800 };

const visitors = [
  { name: 'phone-fa-zarinpal', viewport: phone, language: 'fa', account: 'main', amount: 1_500_000 },
  { name: 'desktop-en-stripe', viewport: desktop, language: 'en', account: 'euro', amount: 1999, scheme: 'dark' },
  { name: 'phone-en-stripe', viewport: phone, language: 'en', account: 'euro', amount: 1999 },
  { name: 'desktop-fa-zarinpal', viewport: desktop, language: 'fa', account: 'main', amount: 1_500_000, scheme: 'dark' },
  { name: 'phone-ar-stripe', viewport: phone, language: 'ar', account: 'euro', amount: 1999 },
];

const say = {
  fa: { paid: 'پرداخت شد', alreadyPaid: 'این لینک پرداخت شده است', failed: 'پرداخت انجام نشد', expired: 'مهلت این لینک تمام شده است', cancelled: 'این لینک لغو شده است', confirming: 'پرداخت شما در حال تأیید است', back: 'پول شما برمی‌گردد' },
  en: { paid: 'Paid', alreadyPaid: 'This link is paid already', failed: 'The payment was not made', unfinished: 'The payment is not finished', expired: 'This link has expired', cancelled: 'This link was cancelled', confirming: 'Your payment is being confirmed', back: 'Your money goes back' },
  ar: { paid: 'تم الدفع', alreadyPaid: 'سبق دفع هذا الطلب', unfinished: 'لم تكتمل عملية الدفع', expired: 'انتهت صلاحية هذا الرابط', cancelled: 'تم إلغاء هذا الرابط', confirming: 'جارٍ تأكيد دفعتكم', back: 'سيُعاد المبلغ إليكم' },
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
  description: { fa: 'فاکتور ۷۷', en: 'Invoice 77', ar: 'الفاتورة ٧٧' }[visitor.language], ...more,
});

const open = (visitor) => customer(browser, { ...visitor, browserLanguage: { fa: 'fa-IR', en: 'en-GB', ar: 'ar-SA' }[visitor.language] });
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
  assert.equal(await page.locator('html').getAttribute('dir'), visitor.language === 'en' ? 'ltr' : 'rtl');
  await lookAt(page, `paid-${visitor.name}`);
  assert.equal((await readLink(link)).receipts.length, 1);

  await page.reload();
  assert.equal(await title(page), words.paid);
  await page.emulateMedia({ media: 'print' });
  await keep(page, `paid-printed-${visitor.name}`);
  await page.emulateMedia({ media: 'screen' });
  await page.goBack();
  await page.goto(link.url);
  assert.equal(await title(page), words.alreadyPaid, 'a paid link is never paid again');
  await lookAt(page, `already-paid-${visitor.name}`);
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
  const cancelled = await makeLink(visitor);
  await crm('POST', `/v1/payment-links/${cancelled.id}/cancel`, {});
  const answer = await page.goto(cancelled.url);
  assert.deepEqual([answer.status(), await title(page)], [410, words.cancelled]);
  await lookAt(page, `cancelled-${visitor.name}`);
  const link = await makeLink(visitor);
  await page.goto(link.url);
  await crm('POST', `/v1/payment-links/${link.id}/cancel`, { force: true });
  // At once, because the schedule closes the session at the gateway within a minute.
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
  assert.ok([words.confirming, words.alreadyPaid].includes(await title(page)), await title(page));
  await lookAt(page, `confirming-${visitor.name}`);
  // The gateway is asked a minute after the session was opened.
  await page.waitForTimeout(46_000);
  await sweep();
  // The page asks again by itself.
  await page.locator('h1.good').waitFor({ timeout: 20_000 });
  assert.ok([words.paid, words.alreadyPaid].includes(await title(page)), await title(page));
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

// What only trouble leads to, on a phone in every language, with the business's logo.

const strangers = [
  { name: 'phone-fa', viewport: phone, language: 'fa', account: 'main', amount: 1_500_000 },
  { name: 'phone-en', viewport: phone, language: 'en', account: 'main', amount: 1_500_000, scheme: 'dark' },
  { name: 'phone-ar', viewport: phone, language: 'ar', account: 'main', amount: 1_500_000 },
];

test('the business takes a logo', async () => {
  const { object, ...settings } = await crm('GET', '/v1/settings');
  assert.equal(object, 'settings');
  const picture = logo();
  assert.equal((await crm('PUT', '/v1/settings', { ...settings, logo: picture })).logo, picture);
  // The functions use settings for a second before they read them again.
  await new Promise((resolve) => setTimeout(resolve, 1100));
});

const hasLogo = (page) => page.locator('.business img').evaluate((image) => image.complete && image.naturalWidth > 0);

forEach('our own trouble with the gateway is no dead end', async (page, visitor) => {
  const link = await makeLink(visitor);
  await misbehave('zarinpal', 'request', '502_html');
  const answer = await page.goto(link.url);
  assert.equal(answer.status(), 503);
  assert.ok(await hasLogo(page), 'the logo is shown');
  await lookAt(page, `trouble-${visitor.name}`);
  await page.locator('a.button').click();
  await page.waitForURL(`${cloud}/**`);
}, strangers);

forEach('a page whose link cannot be read says nothing about money', async (page, visitor) => {
  const link = await makeLink(visitor);
  await tamper(link, { version: { S: 'unreadable' } });
  const answer = await page.goto(link.url);
  assert.equal(answer.status(), 503);
  await lookAt(page, `down-${visitor.name}`);
  // The outbox comes back to a link until it can be read.
  await tamper(link, { version: { N: '1' } });
}, strangers);

forEach('too many tries have to wait', async (page, visitor) => {
  const link = await makeLink(visitor);
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const gateway = (await fetch(link.url, { redirect: 'manual' })).headers.get('location');
    const left = await fetch(gateway, {
      method: 'POST', redirect: 'manual', body: new URLSearchParams({ outcome: 'cancelled' }),
    });
    await fetch(left.headers.get('location'), { redirect: 'manual' });
  }
  const answer = await page.goto(link.url);
  assert.equal(answer.status(), 429);
  await lookAt(page, `too-many-${visitor.name}`);
}, strangers);

forEach('a payment that a person has to look into says so', async (page, visitor) => {
  const link = await makeLink(visitor, { return_url: 'https://crm.example/back' });
  await page.goto(link.url);
  await tamper(link, {
    'attempts[0].state': { S: 'needs_review' },
    'attempts[0].at': { S: new Date().toISOString() },
    'attempts[0].reason': { S: 'amount_differs' },
  });
  const answer = await page.goto(link.url);
  assert.equal(answer.status(), 200);
  assert.equal(await page.locator('a.plain').getAttribute('href'), 'https://crm.example/back');
  await lookAt(page, `review-${visitor.name}`);
}, strangers);

forEach('who waits long may close the page, and who paid twice hears of it', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  await page.goto(link.url);
  const first = page.url();
  const longAgo = new Date(Date.now() - 180_000).toISOString();
  await tamper(link, { 'attempts[0].reported_at': { S: longAgo }, 'attempts[0].opened_at': { S: longAgo } });
  await page.goto(link.url);
  assert.equal(await title(page), words.confirming);
  await lookAt(page, `confirming-long-${visitor.name}`);
  await tamper(link, { 'attempts[0].reported_at': { NULL: true }, 'attempts[0].session_ends_at': { S: longAgo } });
  await page.goto(link.url);
  assert.notEqual(page.url(), first, 'a session that has ended is not opened again');
  await choose(page, 'paid');
  assert.equal(await title(page), words.paid);
  await page.goto(first);
  await choose(page, 'paid');
  assert.equal(await title(page), words.paid);
  assert.equal(await page.locator('.hint').count(), 2);
  await lookAt(page, `paid-twice-${visitor.name}`);
}, strangers);

forEach('a chat app that looks ahead gets a page with what is asked', async (_, visitor) => {
  const link = await makeLink(visitor);
  const page = await customer(browser, { ...visitor, userAgent: 'TelegramBot (like TwitterBot)' });
  await page.goto(link.url);
  assert.ok(page.url().startsWith(base), 'no session is opened');
  assert.ok(await page.locator('meta[property="og:title"]').getAttribute('content'));
  await lookAt(page, `preview-${visitor.name}`);
  await page.context().close();
}, strangers);

// What a developer sees first.

test('the inbox shows messages as people see them, and their links lead on', async () => {
  for (const visitor of strangers) {
    const recipients = { contact: true };
    await makeLink(visitor, { recipients });
  }
  const page = await customer(browser, { viewport: desktop });
  await page.waitForTimeout(3000);
  await page.goto(`${cloud}/?refresh=off`);
  assert.ok(await page.locator('.sms .bubble a').count() >= 3);
  await page.frameLocator('.mail iframe').first().locator('a').waitFor();
  await keep(page, 'inbox-desktop', false);
  const opens = page.context().waitForEvent('page');
  await page.frameLocator('.mail iframe').first().locator('a').click();
  const gateway = await opens;
  await gateway.waitForURL(`${cloud}/zarinpal/**`);
  assert.match(await gateway.locator('.simulator').innerText(), /simulator/);
  await keep(gateway, 'simulator-zarinpal');
  await page.context().close();
  const small = await customer(browser, { viewport: phone, scheme: 'dark' });
  await small.goto(`${cloud}/?refresh=off`);
  await small.frameLocator('.mail iframe').first().locator('a').waitFor();
  await keep(small, 'inbox-phone', false);
  await small.context().close();
});
