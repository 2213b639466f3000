// The package itself: without a browser, and through a bundler.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { build } from 'vite';

import { World } from './commands.mjs';
import { launch, Site } from './site.mjs';

const PACKAGE = process.env.NETCODE_PACKAGE;

let world;

before(async () => {
  world = await World.create();
});

after(() => world?.end());

describe('the package', () => {
  test('its manifest names files that are there, and nothing runs by being imported', async () => {
    const manifest = JSON.parse(await readFile(join(PACKAGE, 'package.json'), 'utf8'));
    assert.equal(manifest.sideEffects, false);
    const named = [manifest.types, ...Object.values(manifest.exports).flatMap((it) => {
      return typeof it === 'string' ? [it] : Object.values(it);
    })];
    for (const file of named) {
      await readFile(join(PACKAGE, file));
    }
    await import(pathToFileURL(join(PACKAGE, 'dist/index.js')).href);
  });

  test('source maps carry their sources', async () => {
    for (const file of await readdir(join(PACKAGE, 'dist'))) {
      if (file.endsWith('.map')) {
        const map = JSON.parse(await readFile(join(PACKAGE, 'dist', file), 'utf8'));
        assert.equal(map.sources.length, map.sourcesContent?.length, file);
      }
    }
  });

  test('its types compile in a strict program that has no more than a browser', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'netcode-types-'));
    await mkdir(join(folder, 'node_modules'));
    await cp(PACKAGE, join(folder, 'node_modules/netcode-wasm'), { recursive: true });
    await writeFile(
      join(folder, 'main.ts'),
      `import { NetcodeClient, NetcodeError, type ErrorCode } from 'netcode-wasm';
       export async function play(token: Uint8Array, signal: AbortSignal): Promise<ErrorCode | null> {
         try {
           const client = await NetcodeClient.connect(token, { bridge: 'https://b.example', signal });
           client.addEventListener('payload', (event) => event.data.byteLength + event.sequence);
           client.addEventListener('close', ({ reason }) => reason === 'server');
           for await (const payload of client) {
             client.send(payload);
           }
           return client.fallback?.code ?? null;
         } catch (error) {
           return error instanceof NetcodeError ? error.code : null;
         }
       }`,
    );
    const tsc = join(import.meta.dirname, '../node_modules/.bin/tsc');
    const words = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext'];
    const libraries = ['--lib', 'es2022,dom,dom.iterable', '--types', '', 'main.ts'];
    await promisify(execFile)(tsc, [...words, ...libraries], { cwd: folder });
    await rm(folder, { recursive: true });
  });

  test('nothing of the machine that built it is in the module', async () => {
    const module = await readFile(join(PACKAGE, 'wasm/netcode_wasm_bg.wasm'), 'latin1');
    assert.doesNotMatch(module, /\/(root|home)\/|\.cargo|registry/);
  });
});

describe('a bundler', () => {
  let folder;
  let server;
  let bridge;

  before(async () => {
    server = await world.server();
    bridge = await world.bridge([server]);
    folder = await mkdtemp(join(tmpdir(), 'netcode-vite-'));
    await mkdir(join(folder, 'node_modules'));
    await cp(PACKAGE, join(folder, 'node_modules/netcode-wasm'), { recursive: true });
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(join(folder, 'index.html'), '<script type="module" src="/main.js"></script>');
    await writeFile(
      join(folder, 'main.js'),
      `import { NetcodeClient } from 'netcode-wasm';
       globalThis.connect = async (token, options) => {
         const bytes = Uint8Array.from(atob(token), (letter) => letter.charCodeAt(0));
         const client = await NetcodeClient.connect(bytes, options);
         client.close();
         return client.transport;
       };`,
    );
  });

  after(() => rm(folder, { recursive: true }));

  test('Vite builds a page that connects', async () => {
    await build({ root: folder, logLevel: 'warn' });
    const site = await Site.open(join(folder, 'dist'));
    const browser = await launch();
    try {
      const page = await browser.newPage();
      await page.goto(site.origin);
      await page.waitForFunction(() => globalThis.connect);
      const token = await world.token([server]);
      const options = bridge.options('webtransport');
      const transport = await page.evaluate(([token, options]) => connect(token, options), [
        token,
        options,
      ]);
      assert.equal(transport, 'webtransport');
    } finally {
      await browser.close();
      site.close();
    }
  });
});
