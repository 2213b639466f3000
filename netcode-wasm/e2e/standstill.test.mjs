// A page that computes for longer than a timeout: what arrived meanwhile is read first.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, setStage } from './stage.mjs';

const stage = setStage();

test('a session outlives a standstill in which the server was answered and not read', async () => {
  const { world, page } = stage;
  const server = await world.server();
  const bridge = await world.bridge([server]);
  const token = await world.token([server], '--timeout', '1');
  // Its channel sends while the page computes; WebTransport's streams do not.
  const connected = await call(page, 'connect', 'busy', token, bridge.options('webrtc'));
  assert.equal(connected.state, 'connected');
  await page.evaluate(() => {
    const client = clients.client('busy');
    const end = performance.now() + 4000;
    for (let next = 0; performance.now() < end; ) {
      if (performance.now() >= next) {
        client.send(new Uint8Array(100));
        next = performance.now() + 50;
      }
    }
  });
  // Echoes come only from a server whose session stands.
  assert.equal((await call(page, 'echo', 'busy', 4, 200, 1)).received, 4);
  assert.equal((await call(page, 'close', 'busy')).reason, 'client');
});

test('a way that opened during a standstill is not given up as one that did not', async () => {
  const { world, page } = stage;
  const server = await world.server();
  const bridge = await world.bridge([server]);
  const token = await world.token([server]);
  const transport = await page.evaluate(
    async ([token, options]) => {
      const { WebTransport } = globalThis;
      const constructed = new Promise((resolve) => {
        globalThis.WebTransport = class extends WebTransport {
          constructor(...args) {
            super(...args);
            resolve();
          }
        };
      });
      const connecting = netcode.NetcodeClient.connect(token, options);
      await constructed;
      globalThis.WebTransport = WebTransport;
      for (const end = performance.now() + 4000; performance.now() < end; );
      const client = await connecting;
      client.close();
      return client.transport;
    },
    [token, bridge.options('auto')],
  );
  assert.equal(transport, 'webtransport');
});
