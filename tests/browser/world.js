// The local cloud in a process of its own, and a real browser before it.

import { spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const firstPort = 9300;
export const base = `http://localhost:${firstPort}`;
export const cloud = `http://localhost:${firstPort + 1}`;
const screenshots = path.join(root, 'target/screenshots');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Starts the local cloud with the functions behind cargo lambda watch, and waits until it says that it is ready. */
export async function startCloud() {
  mkdirSync(screenshots, { recursive: true });
  const data = mkdtempSync(path.join(tmpdir(), 'paylink-browser-'));
  const program = spawn('cargo', ['run', '--quiet', '--bin', 'paylink-local'], {
    cwd: root,
    env: { ...process.env, PAYLINK_LOCAL_PORT: String(firstPort), PAYLINK_LOCAL_DATA: data },
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

export async function crm(method, address, body) {
  const answer = await fetch(base + address, {
    method,
    headers: { authorization: 'Bearer local-crm-key', 'content-type': 'application/json' },
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

/** A page that remembers everything that must not happen on ours. */
export async function customer(browser, { viewport, scheme = 'light', browserLanguage = 'en-GB' }) {
  const context = await browser.newContext({
    viewport, colorScheme: scheme, locale: browserLanguage, isMobile: viewport.width < 600, hasTouch: viewport.width < 600,
  });
  const page = await context.newPage();
  page.troubles = [];
  page.on('console', (message) => {
    // The browser itself reports the status of a page that is gone as an error.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) page.troubles.push(message.text());
  });
  page.on('pageerror', (error) => page.troubles.push(String(error)));
  page.on('request', (request) => {
    const from = page.url();
    if (from.startsWith(base) && !request.isNavigationRequest() && !request.url().startsWith(base)) {
      page.troubles.push(`a request to another origin: ${request.url()}`);
    }
  });
  return page;
}

/** Looks at one of our pages: accessible, quiet, small, and kept as a picture. */
export async function lookAt(page, name) {
  if (!page.url().startsWith(base)) throw new Error(`${name}: not one of our pages but ${page.url()}`);
  await page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true });
  await page.evaluate(axe);
  const result = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  const found = result.violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(' ')}`);
  if (found.length) throw new Error(`${name}: ${found.join('\n')}`);
  if (page.troubles.length) throw new Error(`${name}: ${page.troubles.join('\n')}`);
  const size = (await page.content()).length;
  if (size > 30_000) throw new Error(`${name}: ${size} characters`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) throw new Error(`${name}: ${wide} pixels wider than the screen`);
}
