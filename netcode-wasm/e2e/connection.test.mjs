// What a connection is there for, over each transport.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { call, setStage, TRANSPORTS } from './stage.mjs';

const stage = setStage();

for (const transport of TRANSPORTS) {
  describe(`over ${transport}`, () => {
    let server;
    let bridge;
    const id = `${transport} client`;

    before(async () => {
      server = await stage.world.server();
      bridge = await stage.world.bridge([server]);
    });

    test('a page connects', async () => {
      const token = await stage.world.token([server]);
      const connected = await call(stage.page, 'connect', id, token, bridge.options(transport));
      const maxPayload = { webtransport: 1186, webrtc: 1200 }[transport];
      assert.deepEqual(connected, { state: 'connected', transport, maxPayload, fallback: null });
      assert.equal((await server.event('connected')).slot, 0);
    });

    for (const length of [1, 100, 1135, 1186, 1200]) {
      test(`1,000 payloads of ${length} bytes go both ways unchanged`, async (t) => {
        const result = await call(stage.page, 'echo', id, 1000, length, 16);
        t.diagnostic(JSON.stringify(result));
        assert.equal(result.received, 1000);
        assert.equal(result.wrong, 0);
      });
    }

    test('the client closes and the server hears of it', async () => {
      const closed = await call(stage.page, 'close', id);
      assert.equal(closed.reason, 'client');
      assert.equal(closed.error, null);
      assert.equal(closed.state, 'disconnected');
      assert.equal((await server.event('disconnected')).reason, 'the client disconnected');
    });

    test('nothing was said on the console', () => {
      assert.deepEqual(stage.page.said, []);
    });
  });
}
