#!/usr/bin/env node
// Bundles src/console into dist/src/console: one page, its script and style, and the players, which only a page that
// plays loads. Names carry a hash of the content, so that all but the page may be kept for ever.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = `${root}dist/src/console`;

const { metafile } = await build({
  entryPoints: [`${root}src/console/main.tsx`],
  outdir: folder,
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  entryNames: 'console-[hash]',
  chunkNames: '[name]-[hash]',
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
});

const names = Object.keys(metafile.outputs).map((path) => basename(path));
const script = names.find((name) => /^console-.*\.js$/.test(name));
const style = names.find((name) => /^console-.*\.css$/.test(name));
await mkdir(folder, { recursive: true });
await writeFile(
  `${folder}/index.html`,
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>weir</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${style}">
<script type="module" src="${script}"></script>
</head>
<body><div id="console"></div><noscript>The console needs JavaScript.</noscript></body>
</html>
`,
);

// The bundle carries other people's work, and their terms with it.
const texts = await Promise.all(
  ['preact', 'uplot', 'mpegts.js', 'hls.js'].map(
    async (name) => `${name}\n\n${await readFile(`${root}node_modules/${name}/LICENSE`, 'utf8')}`,
  ),
);
await writeFile(`${folder}/LICENSES.txt`, texts.join('\n\n'));

// Files of earlier builds are of no use; they go last, so that a server that runs always finds a whole page.
const wanted = new Set([...names, 'index.html', 'LICENSES.txt']);
for (const name of await readdir(folder)) {
  if (!wanted.has(name)) {
    await rm(`${folder}/${name}`, { recursive: true });
  }
}
