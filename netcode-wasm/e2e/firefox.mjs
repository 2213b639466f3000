// The client in Firefox, over each transport. A step of its own runs this file, `firefox`, since
// not every machine can have Firefox.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { launch } from 'puppeteer-core';

import { World } from './commands.mjs';
import { Site } from './site.mjs';
import { call, TRANSPORTS } from './stage.mjs';

const GUARD = { timeout: 30_000 };

/**
 * Settings without which a peer connection takes no address of loopback, as the test's bridge has.
 * Firefox gives a page all addresses only with a permission, here that of the microphone.
 */
const LOOPBACK = { 'media.peerconnection.ice.loopback': true, 'permissions.default.microphone': 1 };

let browser;
let world;
let site;
let server;
let bridge;

before(async () => {
  [browser, world, site] = await Promise.all([
    launch({
      browser: 'firefox',
      executablePath: process.env.FIREFOX,
      headless: true,
      extraPrefsFirefox: LOOPBACK,
    }),
    World.create(),
    Site.open(),
  ]);
  server = await world.server();
  bridge = await world.bridge([server]);
});

after(async () => {
  await browser?.close();
  site?.close();
  await world?.end();
});

/** A tab with the page, ready. */
async function openTab() {
  const page = await browser.newPage();
  page.said = [];
  page.on('console', (message) => page.said.push(message.text()));
  await page.goto(site.origin);
  await page.waitForFunction(() => document.title === 'ready');
  return page;
}

/** A tab with a connected client; its server would take five minutes to miss it. */
async function connectedTab(options) {
  const page = await openTab();
  const token = await world.token([server], '--timeout', '300');
  const connected = await call(page, 'connect', 'client', token, options);
  assert.equal(connected.state, 'connected', JSON.stringify(connected.error));
  await server.event('client connected');
  return { page, connected };
}

test('its version is known', async (t) => {
  t.diagnostic(await browser.version());
});

for (const transport of TRANSPORTS) {
  describe(`over ${transport}`, GUARD, () => {
    test('a page connects, payloads of every length come back unchanged, and it closes', async (t) => {
      const { page, connected } = await connectedTab(bridge.options(transport));
      t.diagnostic(JSON.stringify(connected));
      assert.equal(connected.transport, transport);
      for (let length = 1; length <= 1200; length += 109) {
        const { received, wrong } = await call(page, 'echo', 'client', 100, length, 16);
        assert.deepEqual({ length, received, wrong }, { length, received: 100, wrong: 0 });
      }
      assert.equal((await call(page, 'close', 'client')).reason, 'client');
      assert.equal((await server.event('client left')).reason, 'by_client');
      assert.deepEqual(page.said, []);
      await page.close();
    });

    test('a page that is left disconnects', async () => {
      const { page } = await connectedTab(bridge.options(transport));
      await page.goto('about:blank');
      assert.equal((await server.event('client left')).reason, 'by_client');
      await page.close();
    });
  });
}

test('where WebTransport cannot be opened, WebRTC is used, and the reason is known', GUARD, async () => {
  const options = { ...bridge.options('auto'), certificateHashes: ['00'.repeat(32)] };
  const { page, connected } = await connectedTab(options);
  assert.equal(connected.transport, 'webrtc');
  assert.equal(connected.fallback.code, 'webtransport-not-opened');
  await page.close();
});
