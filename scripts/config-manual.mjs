// Writes docs/config.md from the directive table. Run after `npm run build`; a test compares the two.
import { mkdirSync, writeFileSync } from 'node:fs';
import { encodeManual } from '../dist/src/protocol/conf/manual.js';

const directory = new URL('../docs/', import.meta.url);
mkdirSync(directory, { recursive: true });
writeFileSync(new URL('config.md', directory), encodeManual());
