// Receipts in a real browser: where a customer finds one, what stands on it, that it prints on one page, and how it is checked.

import assert from 'node:assert/strict';
import { contract, finish, forEachOf, linkFor, stage, threeVisitors, title } from './stage.js';
import { keep, lookAt, readLink } from './world.js';

const say = {
  fa: { receipt: 'رسید پرداخت', see: 'دیدن رسید', genuine: 'این رسید معتبر است', unknown: 'چنین رسیدی وجود ندارد' },
  en: { receipt: 'Receipt', see: 'See the receipt', genuine: 'This receipt is genuine', unknown: 'There is no such receipt' },
  ar: { receipt: 'إيصال دفع', see: 'عرض الإيصال', genuine: 'هذا الإيصال صحيح', unknown: 'لا يوجد إيصال كهذا' },
};

const on = stage();

const forEach = forEachOf(threeVisitors, on, say);

/** How many sheets a printer would take. */
const sheets = async (page) => (await page.pdf({ format: 'A4' })).toString('latin1').match(/\/Type\s*\/Page\b/g).length;

forEach('who has paid finds a receipt that prints on one page', async (page, visitor, words) => {
  const link = await linkFor(visitor, contract);
  await page.goto(link.url, { waitUntil: 'commit' });
  await finish(page, 'paid');
  await page.getByText(words.see).click();
  await page.waitForURL(`${link.url}/receipt`);
  assert.equal(await title(page), words.receipt);
  const { payments: [payment] } = await readLink(link);
  const said = await page.locator('main').innerText();
  for (const part of [payment.gateway_reference, payment.receipt_id, contract[visitor.language], 'Demo Customer', '/r/check']) {
    assert.ok(said.includes(part), `${part} is not in ${said}`);
  }
  await lookAt(page, `receipt-${visitor.name}`);
  assert.ok(await page.locator('button[data-print]').isVisible(), 'there is a button that prints');
  await page.emulateMedia({ media: 'print' });
  assert.ok(!(await page.locator('button[data-print]').isVisible()), 'and it is not printed');
  await keep(page, `receipt-printed-${visitor.name}`);
  assert.equal(await sheets(page), 1);
});

forEach('a receipt is checked by its code, and one that nobody issued is not found', async (page, visitor, words) => {
  const link = await linkFor(visitor, contract);
  await page.goto(link.url, { waitUntil: 'commit' });
  await finish(page, 'paid');
  const { payments: [payment] } = await readLink(link);
  const [host, code] = [payment.receipt_url.replace(/\/[^/]*$/, ''), payment.receipt_url.split('/').pop()];
  // Where the receipt is read is written down with the event of the payment.
  while ((await page.request.get(payment.receipt_url)).status() !== 200) await page.waitForTimeout(200);
  await page.goto(`${host}/check?lang=${visitor.language}`);
  await lookAt(page, `receipt-check-${visitor.name}`);
  await page.locator('input[name=code]').fill(` ${code}. `);
  await page.locator('button').click();
  assert.equal(await title(page), words.genuine);
  assert.ok(!(await page.locator('main').innerText()).includes('Demo Customer'), 'it names no customer');
  await lookAt(page, `receipt-genuine-${visitor.name}`);
  const wrong = await page.request.get(`${host}/check?lang=${visitor.language}&code=7hRmz4LdS9oXWcYbQ2tVfA`);
  assert.equal(wrong.status(), 404);
  assert.ok((await wrong.text()).includes(words.unknown));
});
