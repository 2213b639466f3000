// The package through bundlers and without one, as the README says to use them: each page connects.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import esbuild from 'esbuild';
import * as vite from 'vite';
import webpack from 'webpack';

import { World } from './commands.mjs';
import { pageOf, project, writeFiles } from './project.mjs';
import { launch, Site } from './site.mjs';

/** The page of every project. */
const PAGE = { 'index.html': pageOf('/main.js') };

const CONNECT = `
  globalThis.connect = async (token, options) => {
    const client = await NetcodeClient.connect(token, options);
    client.close();
    return client.transport;
  };`;

/** A page's program where the bundler finds the wasm file by itself. */
const PLAIN = `import { NetcodeClient } from 'netcode-wasm'; ${CONNECT}`;

let world;
let server;
let bridge;
let browser;

before(async () => {
  [world, browser] = await Promise.all([World.create(), launch()]);
  server = await world.server();
  bridge = await world.bridge([server]);
});

after(async () => {
  await browser?.close();
  await world?.end();
});

/** Opens a built page, and connects from it. */
async function connectFrom(folder) {
  const site = await Site.open(folder);
  try {
    await connectAt(site.origin);
  } finally {
    site.close();
  }
}

async function connectAt(origin) {
  const page = await browser.newPage();
  try {
    await page.goto(origin);
    await page.waitForFunction(() => globalThis.connect);
    const token = await world.token([server]);
    const options = bridge.options('webtransport');
    const connect = ([token, options]) => globalThis.connect(token, options);
    assert.equal(await page.evaluate(connect, [token, options]), 'webtransport');
  } finally {
    await page.close();
  }
}

test('a page takes the package from another origin, as from a CDN', async (t) => {
  const headers = { 'Access-Control-Allow-Origin': '*' };
  const cdn = await Site.open(process.env.NETCODE_PACKAGE, headers);
  t.after(() => cdn.close());
  const program = PLAIN.replace('netcode-wasm', `${cdn.origin}/dist/index.js`);
  await connectFrom(await project(t, { ...PAGE, 'main.js': program }));
});

describe('Vite', () => {
  test('builds a page that connects', async (t) => {
    const folder = await project(t, { ...PAGE, 'main.js': PLAIN });
    await vite.build({ root: folder, logLevel: 'warn' });
    await connectFrom(join(folder, 'dist'));
  });

  test('serves a page under development that connects', async (t) => {
    const folder = await project(t, { ...PAGE, 'main.js': PLAIN });
    const development = await vite.createServer({
      root: folder,
      logLevel: 'warn',
      optimizeDeps: { exclude: ['netcode-wasm'] },
      server: { host: '127.0.0.1', port: 0, hmr: false, watch: null },
    });
    t.after(() => development.close());
    await development.listen();
    await connectAt(`http://127.0.0.1:${development.httpServer.address().port}`);
  });
});

test('webpack builds a page that connects', async (t) => {
  const folder = await project(t, { ...PAGE, 'main.js': PLAIN });
  const path = join(folder, 'dist');
  const entry = './main.js';
  const options = { context: folder, mode: 'production', entry, output: { path } };
  const stats = await promisify(webpack)(options);
  assert.deepEqual(stats.toJson({ all: false, errors: true }).errors, []);
  await writeFiles(path, PAGE);
  await connectFrom(path);
});

describe('esbuild', () => {
  const bundle = async (folder, loader) => {
    await esbuild.build({
      absWorkingDir: folder,
      entryPoints: ['main.js'],
      bundle: true,
      format: 'esm',
      outdir: 'dist',
      loader: { '.wasm': loader },
      logLevel: 'warning',
    });
    await writeFiles(join(folder, 'dist'), PAGE);
    return join(folder, 'dist');
  };

  test('emits the wasm file that a program loads, and the page connects', async (t) => {
    const folder = await project(t, {
      'main.js': `
        import { load, NetcodeClient } from 'netcode-wasm';
        import file from 'netcode-wasm/netcode_wasm_bg.wasm';
        await load(new URL(file, import.meta.url));
        ${CONNECT}`,
    });
    const built = await bundle(folder, 'file');
    assert.ok((await readdir(built)).some((name) => name.endsWith('.wasm')));
    await connectFrom(built);
  });

  test('puts the module into the program, and the page connects', async (t) => {
    const folder = await project(t, {
      'main.js': `
        import { load, NetcodeClient } from 'netcode-wasm';
        import bytes from 'netcode-wasm/netcode_wasm_bg.wasm';
        await load(bytes);
        ${CONNECT}`,
    });
    await connectFrom(await bundle(folder, 'binary'));
  });
});
