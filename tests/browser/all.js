// Every file of tests in one process and on one stage. A file runs alone as `node --test receipts.test.js`.

import { readdirSync } from 'node:fs';

const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.test.js')).sort();
for (const file of files) await import(`./${file}`);
