// Connecting, payloads and closing, over each transport.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
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
      assert.equal((await server.event('client connected')).client, 0);
    });

    for (const length of [1, 100, 1135, 1186, 1200]) {
      test(`1,000 payloads of ${length} bytes go both ways unchanged`, async (t) => {
        const result = await call(stage.page, 'echo', id, 1000, length, 16);
        t.diagnostic(JSON.stringify(result));
        assert.equal(result.received, 1000);
        assert.equal(result.wrong, 0);
      });
    }

    test('the server reports a client that closes', async () => {
      const closed = await call(stage.page, 'close', id);
      assert.equal(closed.reason, 'client');
      assert.equal(closed.error, null);
      assert.equal(closed.state, 'disconnected');
      assert.equal((await server.event('client left')).reason, 'by_client');
    });

    test('nothing was said on the console', () => {
      assert.deepEqual(stage.page.said, []);
    });
  });
}

test('a data channel takes messages out of memory that threads share', { timeout: 30_000 }, async () => {
  const server = await stage.world.server();
  const bridge = await stage.world.bridge([server]);
  const snippets = 'wasm/snippets';
  const [folder] = await readdir(join(process.env.NETCODE_PACKAGE, snippets));
  const taken = await stage.page.evaluate(
    async ([glue, url]) => {
      const { WebRtcSession } = await import(glue);
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
      let session;
      await new Promise((opened, failed) => {
        session = new WebRtcSession(url, 'netcode', opened, () => {}, (...why) => failed(new Error(why)));
      });
      const taken = session.send(new Uint8Array(memory.buffer, 8, 100));
      session.close();
      return taken;
    },
    [
      `/package/${snippets}/${folder}/glue/webrtc.js`,
      `${bridge.options('webrtc').bridge.webrtc}/netcode/${server.address}`,
    ],
  );
  assert.equal(taken, true);
});
