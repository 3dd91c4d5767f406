// Receipts in a real browser: where a customer finds one, what stands on it, that it prints on one page, and how it is checked.

import assert from 'node:assert/strict';
import { contract, finish, forEachOf, linkFor, stage, threeVisitors, title } from './stage.js';
import { drawPdf, readPdf } from './pdf.js';
import { crm, keep, logo, lookAt, readLink } from './world.js';

const say = {
  fa: { receipt: 'رسید پرداخت', file: 'رسید به‌صورت PDF', see: 'دیدن رسید', genuine: 'این رسید معتبر است', unknown: 'چنین رسیدی وجود ندارد' },
  en: { receipt: 'Receipt', file: 'Receipt as PDF', see: 'See the receipt', genuine: 'This receipt is genuine', unknown: 'There is no such receipt' },
  ar: { receipt: 'إيصال دفع', file: 'الإيصال بصيغة PDF', see: 'عرض الإيصال', genuine: 'هذا الإيصال صحيح', unknown: 'لا يوجد إيصال كهذا' },
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

forEach('a receipt is a file as well, which says the same and can be copied from', async (page, visitor, words) => {
  await crm('PATCH', '/v1/settings', { logo: logo(), legal_name: 'Demo Trading Ltd', support_phone: '+98 21 0000 0000' });
  const link = await linkFor(visitor, contract);
  await page.goto(link.url, { waitUntil: 'commit' });
  await finish(page, 'paid');
  await page.goto(`${link.url}/receipt`);
  const { payments: [payment] } = await readLink(link);
  const answer = await page.request.get(new URL(await page.getByText(words.file).getAttribute('href'), page.url()).href);
  assert.equal(answer.status(), 200);
  assert.equal(answer.headers()['content-type'], 'application/pdf');
  const bytes = await answer.body();
  assert.ok(bytes.length < 60_000, `it has ${bytes.length} bytes`);
  const file = await readPdf(bytes);
  assert.equal(file.pages, 1);
  assert.equal(file.language, visitor.language);
  assert.ok(file.title.startsWith(words.receipt), file.title);
  // What somebody copies to ask about the payment has a line of its own, and is what it was.
  for (const part of [payment.gateway_reference, payment.receipt_id, payment.receipt_url.split('/').pop()]) {
    assert.ok(file.lines.some((line) => line.trim().endsWith(part)), `${part} is not in ${file.lines.join('\n')}`);
  }
  // The words of a line that runs from right to left are copied one by one, from left to right.
  const said = file.lines.join('\n').normalize('NFKC');
  for (const word of `${words.receipt} ${contract[visitor.language]} Demo Customer Demo Trading Ltd`.split(' ')) {
    assert.ok(said.includes(word.normalize('NFKC')), `${word} is not in ${said}`);
  }
  const heard = ['P', 'H1', 'P', 'Table', 'TR', 'TH', 'TD', 'Figure', 'Link'];
  for (const role of heard) assert.ok(file.roles.includes(role), `${role} is not among ${file.roles.join(' ')}`);
  await drawPdf(page.context(), bytes, `receipt-pdf-${visitor.name}`);
});
