// The README's programs, as they stand there.

import assert from 'node:assert/strict';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import * as vite from 'vite';

import { World } from './commands.mjs';
import { install, pageOf, project } from './project.mjs';
import { launch, Site } from './site.mjs';

const README = await readFile(join(process.env.NETCODE_PACKAGE, 'README.md'), 'utf8');
const GUARD = { timeout: 60_000 };

let world;
let browser;

before(async () => {
  [world, browser] = await Promise.all([World.create(), launch()]);
});

after(async () => {
  await browser?.close();
  await world?.end();
});

/** The README's first block of code in a language. */
function block(language) {
  const [, code] = README.match(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's')) ?? [];
  assert.ok(code, `no ${language} in the README`);
  return code;
}

/** The program, with the options of a bridge in the place of the README's. */
function reaching(bridge, program) {
  const [before, after, ...more] = program.split("{ bridge: 'https://bridge.example:4433' }");
  assert.ok(after !== undefined && more.length === 0, 'a program names its bridge once');
  return `${before}${JSON.stringify(bridge.options('auto'))}${after}`;
}

/** Opens a site, whose backend hands out tokens for the server. */
async function visit(t, folder, server) {
  const site = await Site.open(folder);
  t.after(() => site.close());
  const page = await browser.newPage();
  t.after(() => page.close());
  page.said = [];
  page.on('console', (message) => page.said.push(message.text()));
  page.on('pageerror', (error) => page.said.push(String(error)));
  await page.route('**/token', async (route) => {
    assert.equal(route.request().method(), 'POST');
    const token = await world.token([server], '--timeout', '300');
    await route.fulfill({ body: Buffer.from(token, 'base64') });
  });
  await page.goto(site.origin);
  return page;
}

/** Waits until the page has said something like this. */
async function said(page, pattern) {
  while (!page.said.some((text) => pattern.test(text))) {
    await page.waitForEvent('console');
  }
}

test('the program without a bundler connects, sends, receives, and learns of the end', GUARD, async (t) => {
  const server = await world.server();
  const bridge = await world.bridge([server]);
  const main = reaching(bridge, block('js'));
  const folder = await project(t, { 'index.html': block('html'), 'main.js': main });
  await cp(join(folder, 'node_modules/netcode-wasm'), join(folder, 'netcode-wasm'), { recursive: true });

  const page = await visit(t, folder, server);
  await server.event('client connected');
  await said(page, /^Uint8Array/);
  await server.end('SIGTERM');
  await said(page, /^server undefined$/);
});

test('the React component connects, sends, receives, and disconnects when it is unmounted', GUARD, async (t) => {
  const server = await world.server();
  const bridge = await world.bridge([server]);
  const folder = await project(t, {
    'index.html': `<div id="root"></div>${pageOf('/main.jsx')}`,
    'game.jsx': reaching(bridge, block('jsx')),
    'main.jsx': `
      import { StrictMode } from 'react';
      import { createRoot } from 'react-dom/client';
      import { Game } from './game.jsx';
      globalThis.root = createRoot(document.getElementById('root'));
      root.render(<StrictMode><Game /></StrictMode>);`,
  });
  await install(folder, ['react', 'react-dom', 'scheduler']);
  // In development a strict component is mounted twice.
  const define = { 'process.env.NODE_ENV': '"development"' };
  await vite.build({ root: folder, logLevel: 'warn', mode: 'development', define });

  const page = await visit(t, join(folder, 'dist'), server);
  await page.waitForSelector('button:enabled');
  while (!(await page.getByText('Answers: 1').isVisible())) {
    await page.click('button');
  }
  await server.event('client connected');
  await page.evaluate(() => root.unmount());
  assert.equal((await server.event('client left')).reason, 'by_client');
  assert.deepEqual(page.said.filter((text) => !text.includes('React DevTools')), []);
});
