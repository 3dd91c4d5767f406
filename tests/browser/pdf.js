// PDF files as Firefox's own reader sees them: what can be copied out of one, how it is tagged, and how it looks.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';
import { keep } from './world.js';

const build = createRequire(import.meta.url).resolve('pdfjs-dist/build/pdf.min.mjs').replace(/[^/]*$/, '');

/** The pages, the lines that can be copied, the title and the language of a file, and the roles of what is read aloud, in order. */
export async function readPdf(bytes) {
  const file = await getDocument({ data: new Uint8Array(bytes), verbosity: 0 }).promise;
  const roles = [];
  const walk = (node) => {
    if (node.role && !['Root', 'Document'].includes(node.role)) roles.push(node.role);
    for (const child of node.children ?? []) walk(child);
  };
  let text = '';
  for (let number = 1; number <= file.numPages; number += 1) {
    const page = await file.getPage(number);
    for (const item of (await page.getTextContent()).items) text += `${item.str}${item.hasEOL ? '\n' : ''}`;
    walk(await page.getStructTree());
  }
  const { info } = await file.getMetadata();
  await file.destroy();
  return { pages: file.numPages, lines: text.split('\n'), title: info.Title, language: info.Language, roles };
}

/** Draws the first page in a browser and keeps the picture. */
export async function drawPdf(context, bytes, name) {
  const page = await context.newPage();
  const files = { '/': ['text/html', '<!doctype html><title>PDF</title><style>body{margin:0}</style><canvas></canvas>'] };
  for (const script of ['pdf.min.mjs', 'pdf.worker.min.mjs']) {
    files[`/${script}`] = ['text/javascript', readFileSync(`${build}${script}`, 'utf8')];
  }
  await page.route('https://pdf.invalid/**', (route) => {
    const [contentType, body] = files[new URL(route.request().url()).pathname] ?? ['text/plain', ''];
    return route.fulfill({ contentType, body });
  });
  await page.goto('https://pdf.invalid/');
  await page.evaluate(async (base64) => {
    const pdf = await import('https://pdf.invalid/pdf.min.mjs');
    pdf.GlobalWorkerOptions.workerSrc = 'https://pdf.invalid/pdf.worker.min.mjs';
    const data = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const sheet = await (await pdf.getDocument({ data }).promise).getPage(1);
    const viewport = sheet.getViewport({ scale: 1.5 });
    const canvas = document.querySelector('canvas');
    [canvas.width, canvas.height] = [viewport.width, viewport.height];
    await sheet.render({ canvasContext: canvas.getContext('2d'), viewport }).promise;
  }, Buffer.from(bytes).toString('base64'));
  await keep(page, name);
  await page.close();
}
