// What the tests in the browser stand on: the local cloud and a browser for all of them, and a page for each.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cloud, crm, customer, isOurs, startBrowser, startCloud } from './world.js';

const on = { browser: null };
let isSet = false;

/**
 * The local cloud and the browser, which start before the first test and end after the last. Files that run in one process,
 * as `npm test` runs them, share both: starting them takes longer than most files do.
 */
export function stage() {
  if (isSet) return on;
  isSet = true;
  let stopCloud;
  before(async () => {
    stopCloud = await startCloud();
    on.browser = await startBrowser();
  }, { timeout: 1_200_000 });
  after(async () => {
    await on.browser?.close();
    await stopCloud?.();
  });
  return on;
}

/** Who opens links: a phone and a desktop, at gateways of both kinds, in each language. */
export const threeVisitors = [
  { name: 'phone-fa-zarinpal', viewport: { width: 360, height: 640 }, language: 'fa', account: 'main', amount: 1_500_000 },
  { name: 'desktop-en-stripe', viewport: { width: 1280, height: 800 }, language: 'en', account: 'euro', amount: 150_000 },
  { name: 'phone-ar-stripe', viewport: { width: 360, height: 640 }, language: 'ar', account: 'euro', amount: 150_000 },
];

/** The page of a visitor, in whose language the browser is too. */
export const openFor = (on, visitor) => customer(on.browser, {
  ...visitor, browserLanguage: { fa: 'fa-IR', en: 'en-GB', ar: 'ar-SA' }[visitor.language],
});

/** A link for a visitor, about what it says in their language. */
export const linkFor = (visitor, purpose, more = {}) => crm('POST', '/v1/payment-links', {
  account_id: visitor.account, contact_id: 'c-1042', amount: visitor.amount, locale: visitor.language,
  description: purpose[visitor.language], ...more,
});

export const contract = { fa: 'قرارداد ۱۲', en: 'Contract 12', ar: 'العقد ١٢' };

/** A test for each visitor, who meets nothing that must not happen on our pages. */
export function forEachOf(visitors, on, say) {
  return (sentence, scenario) => {
    for (const visitor of visitors) {
      test(`${sentence} (${visitor.name})`, async () => {
        const page = await openFor(on, visitor);
        try {
          await scenario(page, visitor, say[visitor.language]);
          assert.deepEqual(page.troubles, []);
        } finally {
          await page.context().close();
        }
      });
    }
  };
}

export const title = (page) => page.locator('h1').innerText();

/** Opens the link and is led on to the gateway, by a redirect or by a form that posts itself. */
export async function arrive(page, link) {
  await page.goto(link.url, { waitUntil: 'commit' });
  await page.waitForURL(`${cloud}/**`);
}

/** Chooses what happens at the gateway that a page has led to, and comes back. */
export async function finish(page, outcome) {
  await page.waitForURL(`${cloud}/**`);
  await page.locator(`button[name="outcome"][value="${outcome}"]`).click();
  await page.waitForURL((address) => isOurs(address) && address.pathname.startsWith('/p/'));
}
