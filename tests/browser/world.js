// The local cloud in a process of its own, and a real browser before it.

import { spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync, gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const firstPort = 9300;
export const base = `http://localhost:${firstPort}`;
/** The hosts of our pages: that of the stack, and the own one of the second business. */
const hosts = [base, `http://pay.bazaar.localhost:${firstPort}`];
export const isOurs = (address) => hosts.some((host) => String(address).startsWith(`${host}/`));
export const cloud = `http://localhost:${firstPort + 1}`;
const dynamodb = `http://localhost:${firstPort + 2}`;
const screenshots = path.join(root, 'target/screenshots');
export const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Starts the built local cloud with the functions behind cargo lambda watch, and waits until it says that it is ready. */
export async function startCloud() {
  mkdirSync(screenshots, { recursive: true });
  const data = mkdtempSync(path.join(tmpdir(), 'paylink-browser-'));
  const program = spawn(path.join(root, 'target/debug/paylink-local'), [], {
    cwd: root,
    env: { ...process.env, PAYLINK_LOCAL_PORT: String(firstPort), PAYLINK_LOCAL_DATA: data, PAYLINK_LOCAL_REBUILD: 'off' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => program.once('exit', resolve));
  await new Promise((resolve, reject) => {
    let said = '';
    program.stdout.on('data', (text) => {
      said += text;
      if (said.includes('Ctrl-C ends everything')) resolve();
    });
    ended.then((code) => reject(new Error(`the local cloud ended with ${code}`)));
  });
  return async () => {
    program.kill('SIGTERM');
    await ended;
    rmSync(data, { recursive: true, force: true });
  };
}

export function startBrowser() {
  const quiet = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'];
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: quiet });
}

/** The API keys of the demo businesses, of which the first is meant where nobody says otherwise, and the platform's. */
export const keys = {
  demo: 'plk_demo_local-crm-key', bazaar: 'plk_bazaar_local-crm-key', platform: 'plp_local-platform-key',
};

export async function crm(method, address, body, key = keys.demo, headers = {}) {
  const answer = await fetch(base + address, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const value = await answer.json();
  if (!answer.ok) throw new Error(`${method} ${address}: ${JSON.stringify(value)}`);
  return value;
}

export const readLink = (link) => crm('GET', `/v1/payment-links/${link.id}`);

/** The schedule comes round. */
export async function sweep() {
  const answer = await fetch(`${base}/2015-03-31/functions/expire-links/invocations`, {
    method: 'POST', body: JSON.stringify({ source: 'schedule' }),
  });
  return answer.json();
}

/** Makes the next calls of a kind go wrong at a gateway. */
export const misbehave = (gateway, call, how) => fetch(`${cloud}/${gateway}/simulator/next_answer`, {
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ call, how, times: 1 }),
});

/**
 * Changes a link as the table holds it, for states that only days or a broken program lead to.
 * `changes` is by attribute path: `{ 'attempts[0].state': { S: 'needs_review' } }`.
 */
export async function tamper(link, changes) {
  const names = {};
  const values = {};
  const sets = Object.entries(changes).map(([place, value], number) => {
    values[`:v${number}`] = value;
    const parts = place.split('.').map((part, index) => {
      const [, name, position] = /^(\w+)(\[\d+\])?$/.exec(part);
      names[`#n${number}${index}`] = name;
      return `#n${number}${index}${position ?? ''}`;
    });
    return `${parts.join('.')} = :v${number}`;
  });
  const answer = await fetch(dynamodb, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'DynamoDB_20120810.UpdateItem',
      'x-amz-date': '20260101T000000Z',
      authorization: 'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: JSON.stringify({
      TableName: 'paylink',
      Key: { pk: { S: `link#${link.id}` }, sk: { S: 'link' } },
      UpdateExpression: `SET ${sets.join(', ')}`,
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
    }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

/** A drawn logo, as a data URI: a disc of one colour with a stroke cut out. */
export function logo() {
  const side = 96;
  const rows = [];
  for (let y = 0; y < side; y += 1) {
    rows.push(0);
    for (let x = 0; x < side; x += 1) {
      const isDisc = (x - 47.5) ** 2 + (y - 47.5) ** 2 < 46 ** 2;
      const isStroke = Math.abs(x + y - 95) < 9 && Math.abs(x - y) < 50;
      rows.push(14, 110, 102, isDisc && !isStroke ? 255 : 0);
    }
  }
  const chunk = (name, data) => {
    const named = Buffer.concat([Buffer.from(name), data]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const check = Buffer.alloc(4);
    check.writeUInt32BE(crc32(named));
    return Buffer.concat([length, named, check]);
  };
  const head = Buffer.from([0, 0, 0, side, 0, 0, 0, side, 8, 6, 0, 0, 0]);
  const png = Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.from(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
  return `data:image/png;base64,${png.toString('base64')}`;
}

/** A page that remembers everything that must not happen on ours. */
export async function customer(browser, { viewport, browserLanguage = 'en-GB', sends = {}, scripts = true }) {
  const context = await browser.newContext({
    viewport, colorScheme: 'light', locale: browserLanguage, extraHTTPHeaders: sends,
    isMobile: viewport.width < 600, hasTouch: viewport.width < 600, javaScriptEnabled: scripts,
  });
  return watched(await context.newPage());
}

/** A further tab of a customer, which remembers the same. */
export const otherTab = async (page) => watched(await page.context().newPage());

function watched(page) {
  page.troubles = [];
  page.notLoaded = [];
  // Our own pages whose status says that something is gone or wrong: the browser reports that as an error too.
  page.gone = new Set();
  page.on('response', (response) => {
    if (response.status() >= 400 && response.request().isNavigationRequest()) page.gone.add(response.url());
  });
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    if (!message.text().startsWith('Failed to load resource')) page.troubles.push(message.text());
    else if (isOurs(message.location().url)) page.notLoaded.push(message.location().url);
  });
  page.on('pageerror', (error) => page.troubles.push(String(error)));
  page.on('request', (request) => {
    const from = page.url();
    if (isOurs(from) && !request.isNavigationRequest() && !isOurs(request.url())) {
      page.troubles.push(`a request to another origin: ${request.url()}`);
    }
  });
  return page;
}

/** Keeps a picture of any page, or of what a screen shows of it: frames further down may not be drawn. */
export const keep = (page, name, fullPage = true) => page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage });

/** What axe finds on a page, by rules or by sets of them. */
export async function violations(page, runOnly) {
  const result = await page.evaluate((rules) => globalThis.axe.run(document, { runOnly: rules }), runOnly);
  return result.violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(' ')}`);
}

/** The heaviest page, after gzip and without the logo, in bytes. */
const heaviest = 8_192;

/** What a finger can hit, in CSS pixels. */
const smallestTarget = 44;

/** What of a page is wider than the screen or than what it stands in, and what is too small for a finger. */
const misfits = (page) => page.evaluate((least) => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const small = [...document.querySelectorAll('main a, main button')]
    .map((element) => [element.outerHTML.slice(0, 90), element.getBoundingClientRect()])
    .filter(([, box]) => box.height > 0 && box.height < least - 0.5)
    .map(([html, box]) => `${box.height} pixels high: ${html}`);
  return [...(wide > 0 ? [`${wide} pixels wider than the screen`] : []), ...small];
}, smallestTarget);

/** Keeps the same page in the dark, in the colours of the reader's own, with letters twice as large, and at another width. */
async function keepOtherways(page, name) {
  const found = [];
  await page.emulateMedia({ colorScheme: 'dark' });
  await keep(page, `${name}-dark`);
  await page.emulateMedia({ colorScheme: 'light', forcedColors: 'active' });
  await keep(page, `${name}-forced`);
  await page.emulateMedia({ forcedColors: 'none' });
  // Whatever can be read grows with the letters of the browser, and nothing is cut off.
  const size = () => page.evaluate(() => ['main', '.button', 'dd', 'h1', '.amount'].map((part) => {
    const element = document.querySelector(part);
    return element && parseFloat(getComputedStyle(element).fontSize);
  }));
  const before = await size();
  await page.evaluate(() => { document.documentElement.style.fontSize = '200%'; });
  const after = await size();
  if (before.some((pixels, at) => pixels && Math.abs(after[at] - 2 * pixels) > 0.5)) found.push(`letters grow from ${before} to ${after}`);
  found.push(...(await misfits(page)).map((one) => `at 200 %, ${one}`));
  await keep(page, `${name}-200`);
  await page.evaluate(() => { document.documentElement.style.fontSize = ''; });
  const { width, height } = page.viewportSize();
  await page.setViewportSize(width < 600 ? { width: 1280, height: 800 } : { width: 360, height: 640 });
  found.push(...(await misfits(page)).map((one) => `at the other width, ${one}`));
  await keep(page, `${name}-other-width`);
  await page.setViewportSize({ width, height });
  return found;
}

/** All pictures on one page, for whoever looks at them: a page in a row, in its six looks. */
export function writeContactSheet() {
  const looks = ['', '-dark', '-forced', '-200', '-other-width'];
  const names = readdirSync(screenshots).filter((name) => name.endsWith('.png')).map((name) => name.slice(0, -4));
  const pages = names.filter((name) => !looks.slice(1).some((look) => name.endsWith(look))).sort();
  const picture = (name) => (names.includes(name) ? `<a href="${name}.png"><img src="${name}.png" alt="${name}" loading="lazy"></a>` : '');
  const rows = pages.map((name) => `<section><h2>${name}</h2>${looks.map((look) => picture(name + look)).join('')}</section>`);
  const style = 'body{font:14px sans-serif;margin:1rem}section{display:flex;flex-wrap:wrap;gap:.5rem;align-items:start;margin:0 0 1rem}'
    + 'h2{flex:100%;margin:0;font-size:1rem}img{max-width:16rem;max-height:30rem;border:1px solid #999}';
  writeFileSync(path.join(screenshots, 'index.html'), `<!doctype html><meta charset="utf-8"><title>Pages</title><style>${style}</style>${rows.join('\n')}\n`);
}

/** Looks at one of our pages: accessible, quiet, small, and kept as pictures of all its looks. */
export async function lookAt(page, name) {
  if (!isOurs(page.url())) throw new Error(`${name}: not one of our pages but ${page.url()}`);
  await keep(page, name);
  await page.evaluate(axe);
  const found = await violations(page, ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']);
  // The dark scheme has other colours and nothing else.
  await page.emulateMedia({ colorScheme: 'dark' });
  found.push(...(await violations(page, ['color-contrast', 'link-in-text-block'])).map((one) => `in the dark, ${one}`));
  await page.emulateMedia({ colorScheme: 'light' });
  if (found.length) throw new Error(`${name}: ${found.join('\n')}`);
  const notLoaded = page.notLoaded.filter((address) => !page.gone.has(address)).map((address) => `not loaded: ${address}`);
  const troubles = [...page.troubles, ...notLoaded];
  if (troubles.length) throw new Error(`${name}: ${troubles.join('\n')}`);
  // One request, the logo apart and what the script of a page that waits has asked.
  const others = await page.evaluate(() => performance.getEntriesByType('resource')
    .filter(({ name, initiatorType }) => initiatorType !== 'xmlhttprequest' && !new URL(name).pathname.startsWith('/logo/'))
    .map((resource) => resource.name));
  if (others.length) throw new Error(`${name}: more requests: ${others.join(' ')}`);
  const size = gzipSync(await page.content()).length;
  if (size > heaviest) throw new Error(`${name}: ${size} bytes`);
  const wrong = [...await misfits(page), ...await keepOtherways(page, name)];
  if (wrong.length) throw new Error(`${name}: ${wrong.join('\n')}`);
}
