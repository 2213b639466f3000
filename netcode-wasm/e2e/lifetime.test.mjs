// Many connections, one after the other.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, setStage } from './stage.mjs';
import { openTab } from './site.mjs';

const stage = setStage();

/** Tokens for `count` clients; a program is started for each. */
async function mint(server, count) {
  const tokens = [];
  while (tokens.length < count) {
    const some = Array.from({ length: 8 }, () => stage.world.token([server]));
    tokens.push(...(await Promise.all(some)));
  }
  return tokens;
}

test('a thousand connections leave nothing behind', async (t) => {
  // A server remembers eight tokens for each of its slots until they expire.
  const server = await stage.world.server('--max-clients', '256');
  const bridge = await stage.world.bridge([server]);
  const options = bridge.options('webtransport');
  const page = await openTab(stage.browser, stage.site);
  const devtools = await page.context().newCDPSession(page);

  const churn = async (count) => {
    // Tokens of a few at a time, so that none expires before its turn.
    for (let left = count; left > 0; left -= 200) {
      await call(page, 'churn', await mint(server, 200), options);
    }
    await devtools.send('HeapProfiler.collectGarbage');
    const { usedSize, backingStorageSize } = await devtools.send('Runtime.getHeapUsage');
    const module = await page.evaluate(() => {
      const { memory, __wbindgen_externrefs: references } = netcodeModule;
      return { bytes: memory.buffer.byteLength, references: references.length };
    });
    return { usedSize, backingStorageSize, ...module };
  };

  const begin = await churn(200);
  const end = await churn(1000);
  t.diagnostic(JSON.stringify({ begin, end }));
  assert.equal(end.bytes, begin.bytes);
  assert.equal(end.references, begin.references);
  // Less than one object for each connection; the browser's own caches come and go.
  assert.ok(end.usedSize - begin.usedSize < 1000 * 100, 'the heap grew');
  assert.ok(end.backingStorageSize - begin.backingStorageSize < 1000 * 10, 'buffers were left');
  await page.context().close();
});
