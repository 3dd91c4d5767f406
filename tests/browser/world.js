// The local cloud in a process of its own, and a real browser before it.

import { spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';
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
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

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
async function violations(page, runOnly) {
  const result = await page.evaluate((rules) => globalThis.axe.run(document, { runOnly: rules }), runOnly);
  return result.violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(' ')}`);
}

/** Looks at one of our pages: accessible, quiet, small, and kept as a picture of its light scheme. */
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
  const pictures = await page.evaluate(() => performance.getEntriesByType('resource')
    .reduce((sum, resource) => sum + resource.encodedBodySize, 0));
  const size = Buffer.byteLength(await page.content()) + pictures;
  if (size > 30_000) throw new Error(`${name}: ${size} bytes`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) throw new Error(`${name}: ${wide} pixels wider than the screen`);
}
