// What a customer meets, in a real browser: both gateways, every language, a phone and a desktop.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { arrive, finish, linkFor, openFor, stage, title } from './stage.js';
import {
  base, cloud, crm, customer, keep, keys, logo, lookAt, misbehave, otherTab, readLink, sweep, tamper, axe, violations,
  writeContactSheet,
} from './world.js';

const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 800 };

const visitors = [
  { name: 'phone-fa-zarinpal', viewport: phone, language: 'fa', account: 'main', amount: 1_500_000 },
  { name: 'desktop-en-stripe', viewport: desktop, language: 'en', account: 'euro', amount: 1999 },
  { name: 'phone-en-stripe', viewport: phone, language: 'en', account: 'euro', amount: 1999 },
  { name: 'desktop-fa-zarinpal', viewport: desktop, language: 'fa', account: 'main', amount: 1_500_000 },
  { name: 'phone-ar-stripe', viewport: phone, language: 'ar', account: 'euro', amount: 1999 },
  { name: 'phone-fa-sep', viewport: phone, language: 'fa', account: 'saman', amount: 1_500_000 },
];

/** At Stripe a customer who goes back may still pay in the same session; the Iranian gateways end it. */
const endsWithANo = (visitor) => visitor.account !== 'euro';
/** Whoever paid at SEP and did not come back has paid nothing, and nobody can ask. */
const canBeAsked = visitors.filter((visitor) => visitor.account !== 'saman');

const say = {
  fa: { told: 'به Demo Business اطلاع دادیم', closed: 'این لینک بسته شده است', paid: 'پرداخت شد', alreadyPaid: 'این لینک پرداخت شده است', refunded: 'مبلغ این پرداخت برگردانده شد', partlyRefunded: 'بخشی از این پرداخت برگردانده شد', failed: 'پرداخت انجام نشد', declined: 'پرداخت پذیرفته نشد', stopped: 'پرداخت لغو شد', expired: 'مهلت این لینک تمام شده است', cancelled: 'این لینک لغو شده است', confirming: 'پرداخت شما در حال تأیید است', back: 'پول شما برمی‌گردد' },
  en: { told: 'Demo Business has been told', closed: 'This link is closed', paid: 'Payment received', alreadyPaid: 'This link has already been paid', refunded: 'This payment was refunded', partlyRefunded: 'Part of this payment was refunded', failed: 'The payment was not made', unfinished: 'The payment is not complete', expired: 'This link has expired', cancelled: 'This link was cancelled', confirming: 'Your payment is being confirmed', back: 'Your money is being returned' },
  ar: { told: 'تم إبلاغ Demo Business', closed: 'هذا الرابط مغلق', paid: 'تم الدفع', alreadyPaid: 'سبق دفع هذا الطلب', refunded: 'أُعيد مبلغ هذه الدفعة', partlyRefunded: 'أُعيد جزء من مبلغ هذه الدفعة', failed: 'لم تتم عملية الدفع', unfinished: 'لم تكتمل عملية الدفع', expired: 'انتهت صلاحية هذا الرابط', cancelled: 'تم إلغاء هذا الرابط', confirming: 'جارٍ تأكيد عملية الدفع', back: 'سيُعاد المبلغ إليكم' },
};

const on = stage();
after(writeContactSheet);

const invoice = { fa: 'فاکتور ۷۷', en: 'Invoice 77', ar: 'الفاتورة ٧٧' };

const makeLink = (visitor, more) => linkFor(visitor, invoice, more);

const open = (visitor) => openFor(on, visitor);
/** The title without the marks that isolate what it mentions. */
const bare = async (page) => (await title(page)).replace(/[\u2066-\u2069]/g, '');
const choose = (page, outcome) => page.locator(`button[name="outcome"][value="${outcome}"]`).click();

const secondsAgo = (seconds) => ({ S: new Date(Date.now() - seconds * 1000).toISOString() });

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
  await arrive(page, link);
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
  assert.equal(await page.locator('html').getAttribute('dir'), ['ar', 'fa'].includes(visitor.language) ? 'rtl' : 'ltr');
  await lookAt(page, `paid-${visitor.name}`);
  assert.equal((await readLink(link)).receipts.length, 1);

  await page.reload();
  assert.equal(await title(page), words.paid);
  await page.emulateMedia({ media: 'print' });
  await keep(page, `paid-printed-${visitor.name}`);
  assert.ok(await page.locator('.receipt').isVisible() && await page.locator('.printed').isVisible(), 'a receipt says so, and whose it is');
  assert.ok(!await page.locator('.close').isVisible(), 'nobody closes a paper');
  const printed = (await page.pdf({ format: 'A4' })).toString('latin1');
  assert.equal(printed.match(/\/Type\s*\/Page\b/g).length, 1, 'it is one page');
  await page.emulateMedia({ media: 'screen' });
  await page.goto(link.url);
  assert.equal(await title(page), words.alreadyPaid, 'a paid link is never paid again');
  await lookAt(page, `already-paid-${visitor.name}`);
  assert.equal((await readLink(link)).attempts.length, 1);
});

forEach('the back button after paying leads to the gateway, and nobody pays twice', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  await arrive(page, link);
  await finish(page, 'paid');
  await page.goBack();
  assert.ok(page.url().startsWith(cloud));
  await page.reload();
  await page.goForward();
  assert.equal(await title(page), words.paid);
  const { attempts, receipts } = await readLink(link);
  assert.deepEqual([attempts.length, receipts.length], [1, 1]);
}, canBeAsked);

forEach('a failed payment says so and can be tried again', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  await arrive(page, link);
  if (endsWithANo(visitor)) {
    await finish(page, 'failed');
    assert.equal(await title(page), visitor.account === 'saman' ? words.declined : words.failed);
    await lookAt(page, `failed-${visitor.name}`);
    await page.locator('a.button').click();
    await page.waitForURL(`${cloud}/**`);
  } else {
    // The card is declined on the gateway's own page, and the customer is still there.
    await choose(page, 'failed');
    assert.ok(page.url().startsWith(cloud));
  }
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
});

forEach('a cancelled payment says so and can be tried again', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  await arrive(page, link);
  await finish(page, 'cancelled');
  const said = { saman: words.stopped, main: words.failed, euro: words.unfinished };
  assert.equal(await title(page), said[visitor.account]);
  await lookAt(page, `not-paid-${visitor.name}`);
  await page.locator('a.button').click();
  await page.waitForURL(`${cloud}/**`);
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
});

forEach('two tabs lead to one session, and when one has paid the other says so', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  const other = await otherTab(page);
  await Promise.all([arrive(page, link), arrive(other, link)]);
  const session = (tab) => tab.locator('form').first().getAttribute('action');
  assert.equal(await session(page), await session(other));
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
  await other.goto(link.url);
  assert.equal(await title(other), words.alreadyPaid);
  assert.deepEqual(other.troubles, []);
});

forEach('a payment begun in time may finish after the link has expired', async (page, visitor, words) => {
  const link = await makeLink(visitor, { expires_at: new Date(Date.now() + 2500).toISOString() });
  await arrive(page, link);
  await page.waitForTimeout(2600);
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
});

forEach('a link that expires while its customer is at the gateway says what is true', async (page, visitor, words) => {
  const link = await makeLink(visitor, { expires_at: new Date(Date.now() + 2500).toISOString() });
  await arrive(page, link);
  const gateway = page.url();
  await page.waitForTimeout(2600);
  // The session is over too, and a payment made in its last moment may still become known.
  await tamper(link, { 'attempts[0].session_ends_at': secondsAgo(1) });
  for (const address of [link.url, `${link.url}/result`]) {
    await page.goto(address);
    assert.equal(await title(page), words.confirming, address);
    assert.equal(await page.locator('#state a.button').count(), 0);
  }
  await page.goto(gateway);
  await finish(page, 'cancelled');
  assert.equal(await title(page), endsWithANo(visitor) ? words.expired : words.confirming);
  await lookAt(page, `expired-at-the-gateway-${visitor.name}`);
}, visitors.slice(0, 2));

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
  await arrive(page, link);
  await crm('POST', `/v1/payment-links/${link.id}/cancel`, { force: true });
  // At once, because the schedule closes the session at the gateway within a minute.
  await finish(page, endsWithANo(visitor) ? 'paid' : 'paid_no_webhook');
  assert.equal(await title(page), words.back);
  await lookAt(page, `money-goes-back-${visitor.name}`);
});

forEach('who paid, closed the browser and opens the link again is told the truth', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  await arrive(page, link);
  await choose(page, endsWithANo(visitor) ? 'paid_no_return' : 'paid_silent');
  await page.context().close();
  // A minute passes: from then on the schedule asks the gateway, and so does who opens the link.
  const long = secondsAgo(70);
  await tamper(link, {
    'attempts[0].opened_at': long, 'attempts[0].look_up_at': long, due_at: { N: String(Date.now() - 1000) },
  });
  const again = await open(visitor);
  await again.goto(link.url);
  // The schedule may just have come round.
  assert.ok([words.confirming, words.alreadyPaid].includes(await title(again)), await title(again));
  await lookAt(again, `confirming-${visitor.name}`);
  await sweep();
  // The page asks again by itself.
  await again.locator('h1.good').waitFor({ timeout: 20_000 });
  assert.ok([words.paid, words.alreadyPaid].includes(await title(again)), await title(again));
  await again.context().close();
}, canBeAsked);

/** A link that was made while its account wanted a page of the business before the gateway. */
async function linkWithItsOwnPage(visitor) {
  const account = await crm('GET', `/v1/accounts/${visitor.account}`);
  const { name, currency, mode, online_payment: { gateway } } = account;
  const write = (summary_page) => crm('PUT', `/v1/accounts/${visitor.account}`, {
    name, currency, mode, online_payment: { enabled: true, gateway, summary_page },
  });
  await write(true);
  const link = await makeLink(visitor);
  await write(false);
  return link;
}

forEach('the business has a page of its own before the gateway where it wants one', async (page, visitor, words) => {
  const link = await linkWithItsOwnPage(visitor);
  await page.goto(link.url);
  assert.ok(page.url().startsWith(base));
  await lookAt(page, `confirm-${visitor.name}`);
  await page.locator('button.button').click();
  await page.waitForURL(`${cloud}/**`);
  // Who goes back sees the page once more, and is asked nothing by the browser.
  await page.goBack();
  assert.equal(page.url(), link.url);
  await page.locator('button.button').click();
  await page.waitForURL(`${cloud}/**`);
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
});

forEach('a wrong link gets a page that helps', async (page, visitor) => {
  const answer = await page.goto(`${base}/p/2222222222222222222222`);
  assert.equal(answer.status(), 404);
  await lookAt(page, `unknown-${visitor.name}`);
});

// Where a gateway wants a posted form.

const formVisitors = [
  { name: 'phone-fa', viewport: phone, language: 'fa', account: 'saman', amount: 1_500_000 },
  { name: 'desktop-en', viewport: desktop, language: 'en', account: 'saman', amount: 1_500_000 },
];

forEach('the page that posts to the gateway says what is paid', async (page, visitor) => {
  const link = await makeLink(visitor);
  // Without its script it stands still, so that it can be looked at.
  await page.route(link.url, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replace(/<script>.*<\/script>/, '') });
  });
  await page.goto(link.url);
  assert.ok(page.url().startsWith(base));
  await lookAt(page, `going-${visitor.name}`);
}, formVisitors);

for (const visitor of [...formVisitors, visitors[0], visitors[2]]) {
  test(`without scripts a link is paid too (${visitor.name}, ${visitor.account})`, async () => {
    const page = await open({ ...visitor, scripts: false });
    const link = await makeLink(visitor);
    await page.goto(link.url);
    if (visitor.account === 'saman') {
      await keep(page, `going-without-scripts-${visitor.name}`);
      await page.locator('button.button').click();
    }
    await page.waitForURL(`${cloud}/**`);
    await choose(page, 'paid');
    // The gateway's own form needs a hand there too.
    if (visitor.account === 'saman') await page.getByText('Go back to the merchant').click();
    await page.waitForURL(`${base}/p/**`);
    assert.equal(await title(page), say[visitor.language].paid);
    await page.context().close();
  });
}

forEach('a return that meets our own trouble is brought again by its page', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  await arrive(page, link);
  await tamper(link, { base: { N: '1' } });
  await choose(page, 'paid');
  await page.waitForURL(`${base}/gateways/**`);
  await lookAt(page, `brought-again-${visitor.name}`);
  await tamper(link, { base: { S: base } });
  await page.waitForURL(`${base}/p/**`, { timeout: 15_000 });
  assert.equal(await title(page), words.paid);
}, formVisitors);

// What only trouble leads to, on a phone in every language, with the business's logo.

const strangers = [
  { name: 'phone-fa', viewport: phone, language: 'fa', account: 'main', amount: 1_500_000 },
  { name: 'phone-en', viewport: phone, language: 'en', account: 'main', amount: 1_500_000 },
  { name: 'phone-ar', viewport: phone, language: 'ar', account: 'main', amount: 1_500_000 },
];

test('the business takes a logo and a colour that is hard to read on', async () => {
  const { object, ...settings } = await crm('GET', '/v1/settings');
  assert.equal(object, 'settings');
  const picture = logo();
  const written = await crm('PUT', '/v1/settings', { ...settings, logo: picture, brand_color: '#FFD400' });
  assert.deepEqual([written.logo, written.brand_color], [picture, '#ffd400']);
  // The functions use settings for a second before they read them again.
  await new Promise((resolve) => setTimeout(resolve, 1100));
});

const hasLogo = (page) => page.locator('.business img').evaluate((image) => image.complete && image.naturalWidth > 0);

forEach('the page before the gateway shows the logo', async (page, visitor) => {
  const link = await linkWithItsOwnPage(visitor);
  await page.goto(link.url);
  assert.ok(await hasLogo(page), 'the logo is shown');
  await lookAt(page, `confirm-with-logo-${visitor.name}`);
}, strangers);

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
    const gateway = (await fetch(`${link.url}/go`, { method: 'POST', redirect: 'manual' })).headers.get('location');
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

forEach('who waits keeps the focus, can ask at once, and reads what happened without a reload', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  await page.goto(link.url);
  const reported = new Date().toISOString();
  await tamper(link, { 'attempts[0].reported_at': { S: reported }, 'attempts[0].opened_at': { S: reported } });
  await page.goto(`${link.url}/result`);
  assert.equal(await title(page), words.confirming);
  await lookAt(page, `waiting-${visitor.name}`);
  await page.evaluate(() => { window.isTheSame = true; });
  const support = page.locator('footer a').first();
  await support.focus();
  const asked = () => page.waitForResponse((response) => response.url() === `${link.url}/result`);
  await asked();
  await asked();
  assert.ok(await support.evaluate((element) => element === document.activeElement), 'asking moves no focus');
  const before = await page.locator('.checked').innerText();
  await page.waitForTimeout(1100);
  await Promise.all([asked(), page.locator('#wait a').click()]);
  await page.waitForFunction((text) => document.querySelector('.checked').innerText !== text, before);
  assert.ok(await page.locator('#wait a').evaluate((element) => element === document.activeElement), 'nor does pressing the button');
  await tamper(link, {
    'attempts[0].state': { S: 'needs_review' }, 'attempts[0].at': { S: reported }, 'attempts[0].reason': { S: 'amount_differs' },
  });
  await page.locator('#wait').waitFor({ state: 'detached' });
  assert.ok(await page.evaluate(() => window.isTheSame), 'the page was not loaded again');
  assert.ok(await page.locator('h1').evaluate((element) => element === document.activeElement), 'who was on the button goes on at the title');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.locator('button[data-copied]').click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const attempt = (await readLink(link)).attempts[0].id;
  assert.ok(copied.includes(attempt) && copied.split('\n').length >= 5, copied);
}, strangers);

forEach('the button can be pressed without scrolling on a small phone', async (page, visitor) => {
  const link = await linkWithItsOwnPage(visitor);
  for (const height of [640]) {
    await page.setViewportSize({ width: 360, height });
    await page.goto(link.url);
    const box = await page.locator('button.button').boundingBox();
    assert.ok(box.y + box.height <= height, `it ends at ${box.y + box.height}`);
    const sizes = await page.evaluate(() => [...document.querySelectorAll('main *')]
      .filter((element) => element.innerText?.trim()).map((element) => [parseFloat(getComputedStyle(element).fontSize), element.className || element.parentElement.className]));
    const largest = Math.max(...sizes.map(([size]) => size));
    assert.ok(sizes.filter(([size]) => size === largest).every(([, name]) => name === 'amount'), 'nothing is as large as the amount');
    await keep(page, `small-phone-${visitor.name}`, false);
  }
}, strangers);

forEach('the language can be changed, and the choice lasts through the gateway', async (page, visitor, words) => {
  const link = await linkWithItsOwnPage(visitor);
  const other = visitor.language === 'en' ? 'fa' : 'en';
  await page.goto(link.url);
  await page.locator(`.languages a[lang="${other}"]`).click();
  assert.equal(await page.locator('html').getAttribute('lang'), other);
  await page.locator('button.button').click();
  await page.waitForURL(`${cloud}/**`);
  await finish(page, 'paid');
  assert.equal(await title(page), say[other].paid);
  await page.locator(`.languages a[lang="${visitor.language}"]`).click();
  assert.equal(await title(page), words.paid);
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
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
  await page.goto(first);
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
  assert.equal(await page.locator('.hint').count(), 2);
  await lookAt(page, `paid-twice-${visitor.name}`);
}, strangers);

/** Notes that money of a payment went back by other means, and waits until the schedule has written that down. */
async function noteRefund(link, amount, reference) {
  const { receipts: [receipt], amount_refunded: before } = await readLink(link);
  await crm('POST', `/v1/receipts/${receipt}/refunds`, { amount, outside: { reference } }, keys.demo, { 'idempotency-key': reference });
  for (let round = 0; round < 20 && (await readLink(link)).amount_refunded === before; round += 1) {
    await sweep();
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  assert.equal((await readLink(link)).amount_refunded, before + amount);
}

forEach('who opens a paid link reads how much of it went back', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  await arrive(page, link);
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
  const returned = page.url();
  await noteRefund(link, 500_000, `part-${visitor.name}`);
  for (const address of [returned, link.url]) {
    await page.goto(address);
    assert.equal(await title(page), words.partlyRefunded, address);
  }
  await lookAt(page, `partly-refunded-${visitor.name}`);
  await noteRefund(link, 1_000_000, `rest-${visitor.name}`);
  for (const address of [returned, link.url]) {
    await page.goto(address);
    assert.equal(await title(page), words.refunded, address);
  }
  await lookAt(page, `refunded-${visitor.name}`);
}, strangers);

// Who paid otherwise and gets the link all the same.

/** As narrow as telephones get, among them one without scripts. */
const inHand = strangers.flatMap((visitor) => [true, false].map((scripts) => ({
  ...visitor, scripts, viewport: { width: 360, height: 740 }, name: `${visitor.name.replace('phone', 'narrow')}${scripts ? '' : '-without-scripts'}`,
})));

forEach('who has paid already says so with the second button, and can pay all the same', async (page, visitor, words) => {
  const link = await linkWithItsOwnPage(visitor);
  await page.goto(link.url);
  const [first, second] = [await page.locator('button.button').boundingBox(), await page.locator('button.minor').boundingBox()];
  assert.ok(second.y >= first.y + first.height && second.height >= 44, 'it is below the button that pays, and big enough to hit');
  if (visitor.scripts) await lookAt(page, `summary-with-both-buttons-${visitor.name}`);
  await page.locator('button.minor').tap();
  await page.waitForURL(`${link.url}/already-paid`);
  assert.equal(await bare(page), words.told);
  assert.equal(await page.locator('button.minor').count(), 0);
  if (visitor.scripts) await lookAt(page, `said-paid-${visitor.name}`);
  else await keep(page, `said-paid-${visitor.name}`);
  const held = await readLink(link);
  assert.equal(held.hold.reason, 'says_paid');
  // Loaded again by address, it says the same.
  await page.goto(`${link.url}/already-paid`);
  assert.equal(await bare(page), words.told);
  assert.deepEqual(await readLink(link), held);
  await page.locator('a.plain').tap();
  await page.waitForURL(link.url);
  assert.equal(await page.locator('button.minor').count(), 0);
  if (visitor.scripts) await lookAt(page, `being-checked-${visitor.name}`);
  await page.locator('button.button').tap();
  await page.waitForURL(`${cloud}/**`);
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
  assert.deepEqual(page.troubles, []);
}, inHand);

forEach('a payment that failed asks too whether it was paid otherwise', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  await arrive(page, link);
  await finish(page, 'failed');
  assert.equal(await title(page), words.failed);
  await lookAt(page, `failed-with-both-buttons-${visitor.name}`);
  await page.locator('button.minor').tap();
  await page.waitForURL(`${link.url}/already-paid`);
  assert.equal(await bare(page), words.told);
  assert.deepEqual(page.troubles, []);
}, inHand.filter(({ scripts, language }) => scripts && language !== 'ar'));

forEach('a link paid in cash says so, and one whose noted payment was withdrawn is closed', async (page, visitor, words) => {
  const link = await makeLink(visitor);
  const note = { 'idempotency-key': `cash-${link.id}` };
  const { attempts: [{ id }] } = await crm('POST', `/v1/payment-links/${link.id}/payments`, { received_by: 'cash' }, keys.demo, note);
  await page.goto(link.url);
  assert.equal(await title(page), words.alreadyPaid);
  await lookAt(page, `paid-in-cash-${visitor.name}`);
  await crm('POST', `/v1/payment-links/${link.id}/attempts/${id}/void`, {}, keys.demo, { 'idempotency-key': `void-${link.id}` });
  const answer = await page.goto(link.url);
  assert.deepEqual([answer.status(), await title(page)], [410, words.closed]);
  await lookAt(page, `closed-${visitor.name}`);
}, inHand.filter(({ scripts }) => scripts));

// A browser that fetches ahead is not recognised as a person's, and stands for every other of which that is so.
for (const scripts of [true, false]) {
  forEach(`who is not recognised sees what is asked and goes on to pay, scripts ${scripts ? 'on' : 'off'}`, async (_, visitor, words) => {
    const link = await makeLink(visitor);
    const page = await customer(on.browser, { ...visitor, scripts, sends: { purpose: 'prefetch' } });
    await page.goto(link.url);
    assert.ok(page.url().startsWith(base), 'no session is opened');
    assert.ok(await page.locator('meta[property="og:title"]').getAttribute('content'));
    assert.equal((await readLink(link)).opened_at, null);
    if (scripts) await lookAt(page, `preview-${visitor.name}`);
    await page.locator('button.button').click();
    await page.waitForURL(`${cloud}/**`);
    assert.deepEqual(page.troubles, []);
    await finish(page, 'paid');
    assert.equal(await title(page), words.paid);
    await page.context().close();
  }, scripts ? [...strangers, ...formVisitors] : strangers);
}

// Another business of the same stack, which was given no logo.

/** A link of the other demo business. */
const linkOfTheBazaar = (visitor) => crm('POST', '/v1/payment-links', {
  account_id: 'main', contact_id: 'c-1042', amount: 1999, locale: visitor.language, description: 'Bazaar 77',
}, keys.bazaar);

/** The platform suspends the bazaar, or lets it go on. The functions know it after a second. */
async function platformSays(what) {
  await crm('POST', `/v1/businesses/bazaar/${what}`, {}, keys.platform);
  await new Promise((resolve) => setTimeout(resolve, 1100));
}

forEach('a business that is suspended says so, what was begun there finishes, and no other business is held up', async (page, visitor, words) => {
  const [link, begun] = [await linkOfTheBazaar(visitor), await linkOfTheBazaar(visitor)];
  const other = await otherTab(page);
  await arrive(other, begun);
  await platformSays('suspend');
  assert.equal(new URL(link.url).hostname, 'pay.bazaar.localhost', 'its links begin with a host of its own');
  const answer = await page.goto(link.url);
  assert.equal(answer.status(), 403);
  assert.match(await page.locator('.business').innerText(), /The Bazaar/);
  assert.equal(await page.locator('.business img').count(), 0, 'the logo is another business\'s');
  assert.equal(await page.locator('a.button').count(), 0);
  await lookAt(page, `suspended-${visitor.name}`);
  await finish(other, 'paid');
  assert.equal(await title(other), words.paid);
  await arrive(other, await makeLink(visitor));
  await platformSays('resume');
  await arrive(page, link);
  await finish(page, 'paid');
  assert.equal(await title(page), words.paid);
}, strangers);

// What a developer sees first.

test('the inbox shows messages as people see them, and their links lead on', async () => {
  for (const visitor of strangers) {
    const recipients = { contact: true };
    await makeLink(visitor, { recipients });
  }
  const page = await customer(on.browser, { viewport: desktop });
  await page.waitForTimeout(3000);
  await page.goto(`${cloud}/?refresh=off`);
  assert.ok(await page.locator('.sms .bubble a').count() >= 3);
  await page.frameLocator('.mail iframe').first().locator('.pay a').waitFor();
  for (const [business, key] of [['demo', keys.demo], ['bazaar', keys.bazaar]]) {
    const section = page.locator(`section[aria-labelledby="links-of-${business}"]`);
    assert.match(await section.innerText(), new RegExp(key), 'each business has its key');
    assert.ok(await section.locator('article').count() > 0, 'and its links');
  }
  await keep(page, 'inbox-desktop', false);
  assert.equal((await fetch(await page.locator('nav a').first().getAttribute('href'))).status, 200, 'the first link leads somewhere');
  assert.match(await page.locator('#first-call').innerText(), new RegExp(`${base}/v1/payment-links`));
  assert.match(await page.locator('.sms .meta').nth(1).innerText(), /segments?, \d+ characters in (GSM-7|UCS-2)/);
  const opens = page.context().waitForEvent('page');
  await page.frameLocator('.mail iframe').first().locator('.pay a').click();
  const gateway = await opens;
  await gateway.waitForURL(`${cloud}/zarinpal/**`);
  assert.match(await gateway.locator('.simulator').innerText(), /simulator/);
  await keep(gateway, 'simulator-zarinpal');
  await page.context().close();
  const small = await customer(on.browser, { viewport: phone });
  await small.goto(`${cloud}/?refresh=off`);
  await small.frameLocator('.mail iframe').first().locator('.pay a').waitFor();
  await keep(small, 'inbox-phone', false);
  await small.context().close();
});

/** Makes a link in each language that its customer is told of, and waits until the letters are there. */
async function letters() {
  for (const visitor of strangers) await makeLink(visitor, { recipients: { contact: true } });
  for (let tries = 0; ; tries += 1) {
    const inbox = await (await fetch(`${cloud}/inbox.json`)).json();
    const letterIn = (language) => inbox.find(({ html }) => html?.includes(`lang="${language}"`));
    const found = strangers.map(({ language }) => [language, letterIn(language)]);
    if (found.every(([, letter]) => letter)) return found;
    assert.ok(tries < 40, 'the letters come');
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

test('the page of the local cloud adds what is new and moves nothing under its reader', async () => {
  await letters();
  const page = await customer(on.browser, { viewport: desktop });
  await page.goto(cloud);
  const link = page.locator('#messages article a').first();
  await link.evaluate((anchor) => { window.first = anchor.closest('article'); });
  await link.focus();
  const count = Number(await page.locator('#count-of-inbox').innerText());
  await makeLink(strangers[0], { recipients: { contact: true } });
  await page.waitForFunction((before) => Number(document.querySelector('#count-of-inbox').textContent) > before, count);
  assert.deepEqual(await page.evaluate(() => [window.first.isConnected, window.first.contains(document.activeElement)]), [true, true]);
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test('emails are letters of the business in every language, in the light and in the dark', async () => {
  const found = await letters();
  for (const scheme of ['light', 'dark']) {
    const page = await on.browser.newPage({ viewport: { width: 620, height: 640 }, colorScheme: scheme });
    for (const [language, letter] of found) {
      await page.setContent(letter.html);
      await page.evaluate(axe);
      assert.deepEqual(await violations(page, ['wcag2a', 'wcag2aa']), [], `${language}, ${scheme}`);
      await keep(page, `letter-${language}-${scheme}`);
      const pay = await page.locator('.pay a').getAttribute('href');
      assert.ok(letter.body.includes(`\n${pay}\n`), 'the plain text has the same link, alone on its line');
    }
    await page.close();
  }
});

for (const visitor of strangers.slice(0, 2)) {
  test(`one tap on the SMS leads to the gateway, and paying there to a page that says so (${visitor.name})`, async () => {
    const page = await open(visitor);
    const link = await makeLink(visitor, { recipients: { contact: true } });
    const bubble = page.locator(`.sms .bubble a[href^="${link.url}"]`);
    await page.goto(`${cloud}/?refresh=off`);
    for (let tries = 0; tries < 20 && !(await bubble.count()); tries += 1) {
      await page.waitForTimeout(500);
      await page.reload();
    }
    // A phone opens the address in a page of its own, as the links of the inbox do, which have a test of their own: whether
    // the browser hears a tap on a page with dozens of mails depends on what else the machine has to do.
    const paying = await page.context().newPage();
    await paying.goto(await bubble.first().getAttribute('href'));
    // There was no tap on a page of ours.
    await paying.waitForURL(`${cloud}/zarinpal/**`);
    await paying.locator('button[name="outcome"][value="paid"]').tap();
    await paying.waitForURL(`${base}/p/**`);
    assert.equal(await title(paying), say[visitor.language].paid);
    await page.context().close();
  });
}
