// The package itself, without a browser: its manifest, its types, Node. Bundlers have a file of
// their own.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import current from 'enhanced-resolve';
import before516 from 'enhanced-resolve-5.15';
import before517 from 'enhanced-resolve-5.16';

const PACKAGE = process.env.NETCODE_PACKAGE;

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
