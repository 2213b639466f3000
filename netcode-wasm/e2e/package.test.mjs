// The package itself, without a browser: its manifest, its types, Node. Bundlers have a file of
// their own.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import current from 'enhanced-resolve';
import before516 from 'enhanced-resolve-5.15';
import before517 from 'enhanced-resolve-5.16';

import { World } from './commands.mjs';

const PACKAGE = process.env.NETCODE_PACKAGE;
const TSC = join(import.meta.dirname, '../node_modules/.bin/tsc');

const TYPED_PROGRAM = `
  import { ArgumentError, load, NetcodeClient, NetcodeError, type ErrorCode } from 'netcode-wasm';
  export async function play(token: Uint8Array, signal: AbortSignal): Promise<ErrorCode | null> {
    try {
      await load(new ArrayBuffer(0));
      const client = await NetcodeClient.connect(token, { bridge: 'https://b.example', signal });
      client.addEventListener('payload', (event) => event.data.byteLength + event.sequence);
      client.addEventListener('close', ({ reason }) => reason === 'page-left');
      for await (const payload of client) {
        client.send(payload);
        client.send(payload.buffer);
        client.send(new Float32Array(2));
        client.send(new DataView(new SharedArrayBuffer(8), 2));
      }
      return client.fallback?.code ?? null;
    } catch (error) {
      if (error instanceof ArgumentError) {
        throw error satisfies TypeError;
      }
      return error instanceof NetcodeError && error.cause === undefined ? error.code : null;
    }
  }`;

const NODE_PROGRAM = `
  import { readFile } from 'node:fs/promises';
  import { load, NetcodeClient } from 'netcode-wasm';
  const errors = [await load().catch(({ name, code, message }) => ({ name, code, message }))];
  const file = import.meta.resolve('netcode-wasm/netcode_wasm_bg.wasm');
  await load(await readFile(new URL(file)));
  try {
    await NetcodeClient.connect(process.argv[2], { bridge: 'https://127.0.0.1:1' });
  } catch ({ name, code, message }) {
    errors.push({ name, code, message });
  }
  console.log(JSON.stringify(errors));`;

/** Does `work` in a folder that has the package installed. */
async function withPackageInstalled(work) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'netcode-package-')));
  try {
    await cp(PACKAGE, join(folder, 'node_modules/netcode-wasm'), { recursive: true });
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('the manifest', () => {
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

  test('conditions stand in the order in which resolvers try them', async () => {
    const manifest = JSON.parse(await readFile(join(PACKAGE, 'package.json'), 'utf8'));
    for (const conditions of Object.values(manifest.exports)) {
      if (typeof conditions === 'object') {
        const names = Object.keys(conditions);
        assert.equal(names[0], 'types');
        assert.equal(names.at(-1), 'default');
      }
    }
  });

  for (const [version, { ResolverFactory }] of [
    ['5.15.0', before516],
    ['5.16.1', before517],
    ['5.27.0', current],
  ]) {
    test(`enhanced-resolve ${version}, as webpack has it, finds every export`, () => {
      return withPackageInstalled(async (folder) => {
        const resolver = ResolverFactory.createResolver({
          fileSystem: await import('node:fs'),
          conditionNames: ['webpack', 'production', 'browser', 'import', 'module'],
          extensions: ['.js'],
        });
        const resolve = promisify(resolver.resolve.bind(resolver, {}, folder));
        const installed = join(folder, 'node_modules/netcode-wasm');
        for (const [request, file] of [
          ['netcode-wasm', 'dist/index.js'],
          ['netcode-wasm/netcode_wasm_bg.wasm', 'wasm/netcode_wasm_bg.wasm'],
          ['netcode-wasm/package.json', 'package.json'],
        ]) {
          assert.equal(await resolve(request, {}), join(installed, file));
        }
      });
    });
  }
});

describe('the package', () => {
  test('source maps carry their sources', async () => {
    for (const file of await readdir(join(PACKAGE, 'dist'))) {
      if (file.endsWith('.map')) {
        const map = JSON.parse(await readFile(join(PACKAGE, 'dist', file), 'utf8'));
        assert.equal(map.sources.length, map.sourcesContent?.length, file);
      }
    }
  });

  for (const [language, libraries] of [
    ['es2020', 'es2020,dom'],
    ['es2022', 'es2022,dom,dom.iterable'],
  ]) {
    test(`its types compile in a strict program of ${language} that has no more than a browser`, () => {
      return withPackageInstalled(async (folder) => {
        await writeFile(join(folder, 'main.ts'), TYPED_PROGRAM);
        const words = ['--noEmit', '--strict', '--target', language, '--module', 'nodenext'];
        const types = ['--lib', libraries, 'main.ts'];
        await promisify(execFile)(TSC, [...words, ...types], { cwd: folder });
      });
    });
  }

  test('nothing of the machine that built it is in the module', async () => {
    const module = await readFile(join(PACKAGE, 'wasm/netcode_wasm_bg.wasm'), 'latin1');
    assert.doesNotMatch(module, /\/(root|home)\/|\.cargo|registry/);
  });

  test('Node loads it from the bytes of its file, and is told so', async () => {
    const world = await World.create();
    try {
      const token = await world.token(['127.0.0.1:40000']);
      const [unloaded, unconnected] = await withPackageInstalled(async (folder) => {
        await writeFile(join(folder, 'main.js'), NODE_PROGRAM);
        const node = promisify(execFile)(process.execPath, ['main.js', token], { cwd: folder });
        return JSON.parse((await node).stdout);
      });
      assert.equal(unloaded.code, 'internal');
      assert.match(unloaded.message, /the bytes of netcode-wasm\/netcode_wasm_bg\.wasm/);
      // The module runs; what Node lacks is a way to a bridge.
      assert.equal(unconnected.name, 'TransportError');
      assert.match(unconnected.code, /-missing$/);
    } finally {
      await world.end();
    }
  });
});
