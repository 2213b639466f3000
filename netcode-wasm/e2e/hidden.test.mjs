// A hidden tab: its timers are slowed down, its connection stands.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { World } from './commands.mjs';
import { Site } from './site.mjs';
import { WebDriver } from './webdriver.mjs';

const TIMEOUT_SECONDS = 2;

let world;
let site;
let driver;

before(async () => {
  [world, site, driver] = await Promise.all([World.create(), Site.open(), WebDriver.start()]);
  await driver.open(site.origin);
  await driver.hide();
  await driver.evaluate(untilTimersAreSlow);
});

after(async () => {
  await driver?.end();
  site?.close();
  await world?.end();
});

/** Waits until the page's timers are slowed down. */
async function untilTimersAreSlow() {
  for (let late = 0; late < 500; ) {
    const due = performance.now() + 50;
    await new Promise((resolve) => setTimeout(resolve, 50));
    late = performance.now() - due;
  }
}

/** Waits in the hidden page for three times the timeout; tells what was seen of it meanwhile. */
function wait() {
  return driver.evaluate(async (seconds) => {
    const begun = performance.now();
    let ticks = 0;
    while (performance.now() - begun < seconds * 1000) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      ticks += 1;
    }
    return { ticks, visibility: document.visibilityState };
  }, 3 * TIMEOUT_SECONDS);
}

for (const [where, transport] of [
  ['page', 'webtransport'],
  ['page', 'webrtc'],
  ['worker', 'webtransport'],
]) {
  test(`a hidden ${where} stays connected over ${transport} for longer than the timeout`, async (t) => {
    const server = await world.server();
    const bridge = await world.bridge([server]);
    const token = await world.token([server], '--timeout', String(TIMEOUT_SECONDS));
    const call = { page: callInPage, worker: callInWorker }[where];

    const connected = await call('connect', 'hidden', token, bridge.options(transport));
    assert.equal(connected.state, 'connected');
    const waited = await wait();
    t.diagnostic(JSON.stringify(waited));
    assert.equal(waited.visibility, 'hidden');
    // A browser spares a page with a peer connection.
    if (transport === 'webtransport') {
      assert.ok(waited.ticks <= 3 * TIMEOUT_SECONDS + 1, 'the timers were not slowed down');
    }
    // Echoes come only from a server whose session stands.
    assert.equal((await call('echo', 'hidden', 4, 100, 1)).received, 4);
    assert.equal((await call('close', 'hidden')).reason, 'client');
  });
}

function callInPage(name, ...args) {
  return driver.evaluate((name, args) => clients[name](...args), name, args);
}

function callInWorker(name, ...args) {
  return driver.evaluate(
    (call, args) => {
      globalThis.worker ??= new Worker('/worker.js', { type: 'module' });
      return new Promise((resolve, reject) => {
        globalThis.worker.onmessage = ({ data }) => resolve(data.result);
        globalThis.worker.onerror = ({ message }) => reject(new Error(message));
        globalThis.worker.postMessage({ call, args });
      });
    },
    name,
    args,
  );
}
