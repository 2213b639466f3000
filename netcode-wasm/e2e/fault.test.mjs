// Faults within the module, provoked by input that no browser gives.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, setStage } from './stage.mjs';
import { openTab } from './site.mjs';

const stage = setStage();

/** Gives the tab a WebTransport whose sessions open, and receive what lies about its length. */
function lieToTheModule(page) {
  return page.evaluate(() => {
    class Liar extends Uint8Array {
      #asked = 0;

      get length() {
        this.#asked += 1;
        return this.#asked;
      }
    }
    globalThis.WebTransport = class {
      ready = Promise.resolve();
      closed = new Promise(() => {});
      datagrams = {
        maxDatagramSize: 1200,
        readable: new ReadableStream({ start: (controller) => controller.enqueue(new Liar(1)) }),
        writable: new WritableStream(),
      };

      close() {}
    };
  });
}

test('a module that cannot be loaded is a typed error, and can be loaded again', async () => {
  const page = await openTab(stage.browser, stage.site);
  const codes = await page.evaluate(async () => {
    const load = (source) => netcode.load(source).then(() => null, ({ code }) => code);
    return [await load(new Uint8Array([1, 2, 3])), await load('/missing.wasm'), await load()];
  });
  assert.deepEqual(codes, ['internal', 'internal', null]);
  await page.context().close();
});

test('a panic ends every client with a typed error, and no client begins after it', async () => {
  const { world, page } = stage;
  const server = await world.server();
  const bridge = await world.bridge([server]);
  const options = bridge.options('webtransport');
  await call(page, 'connect', 'bystander', await world.token([server]), options);
  const closed = call(page, 'closed', 'bystander').then(({ error }) => error);

  await lieToTheModule(page);
  const attempt = await call(page, 'connect', 'victim', await world.token([server]), options);
  const late = await call(page, 'connect', 'late', await world.token([server]), options);
  for (const error of [attempt.error, await closed, late.error]) {
    assert.equal(error.name, 'InternalError');
    assert.equal(error.code, 'internal');
    assert.match(error.message, /panicked at/);
  }
});
