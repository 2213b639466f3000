// The package through bundlers, as the README says to use them: each one's page connects.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import esbuild from 'esbuild';
import * as vite from 'vite';
import webpack from 'webpack';

import { World } from './commands.mjs';
import { launch, Site } from './site.mjs';

const PACKAGE = process.env.NETCODE_PACKAGE;

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

/** A project's folder with the package installed, and this program. */
async function project(t, program) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'netcode-bundler-')));
  t.after(() => rm(folder, { recursive: true }));
  await cp(PACKAGE, join(folder, 'node_modules/netcode-wasm'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(join(folder, 'main.js'), program);
  await writePage(folder, '/main.js');
  return folder;
}

function writePage(folder, script) {
  const page = `<link rel="icon" href="data:,"><script type="module" src="${script}"></script>`;
  return writeFile(join(folder, 'index.html'), page);
}

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

describe('Vite', () => {
  test('builds a page that connects', async (t) => {
    const folder = await project(t, PLAIN);
    await vite.build({ root: folder, logLevel: 'warn' });
    await connectFrom(join(folder, 'dist'));
  });

  test('serves a page under development that connects', async (t) => {
    const folder = await project(t, PLAIN);
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
  const folder = await project(t, PLAIN);
  const path = join(folder, 'dist');
  const entry = './main.js';
  const options = { context: folder, mode: 'production', entry, output: { path } };
  const stats = await promisify(webpack)(options);
  assert.deepEqual(stats.toJson({ all: false, errors: true }).errors, []);
  await writePage(path, '/main.js');
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
    await writePage(join(folder, 'dist'), '/main.js');
    return join(folder, 'dist');
  };

  test('emits the wasm file that a program loads, and the page connects', async (t) => {
    const folder = await project(
      t,
      `import { load, NetcodeClient } from 'netcode-wasm';
       import file from 'netcode-wasm/netcode_wasm_bg.wasm';
       await load(new URL(file, import.meta.url));
       ${CONNECT}`,
    );
    const built = await bundle(folder, 'file');
    assert.ok((await readdir(built)).some((name) => name.endsWith('.wasm')));
    await connectFrom(built);
  });

  test('puts the module into the program, and the page connects', async (t) => {
    const folder = await project(
      t,
      `import { load, NetcodeClient } from 'netcode-wasm';
       import bytes from 'netcode-wasm/netcode_wasm_bg.wasm';
       await load(bytes);
       ${CONNECT}`,
    );
    await connectFrom(await bundle(folder, 'binary'));
  });
});
