// The interface: wrong arguments, abort signals, and what is counted.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { call, setStage, TRANSPORTS } from './stage.mjs';

let server;
let bridge;
const stage = setStage(async ({ world }) => {
  server = await world.server();
  bridge = await world.bridge([server]);
});

describe('wrong arguments', () => {
  const refused = async (token, options) => {
    return (await call(stage.page, 'connect', 'wrong', token, options)).error;
  };

  test('what is no token is an invalid connect token', async () => {
    for (const token of ['', btoa('x'.repeat(2047)), btoa('x'.repeat(2048))]) {
      const error = await refused(token, bridge.options('auto'));
      assert.equal(error.name, 'StateError');
      assert.equal(error.code, 'invalid-connect-token');
      assert.equal(error.state, -5);
    }
  });

  test('an option that means nothing is named', async () => {
    const token = await stage.world.token([server]);
    const options = bridge.options('auto');
    const wrongs = {
      bridge: [undefined, {}, 'bridge.example', { webtransport: 'bridge.example' }],
      transport: ['udp'],
      certificateHashes: [['00'], ['zz'.repeat(32)], ['?']],
    };
    for (const [name, values] of Object.entries(wrongs)) {
      for (const value of values) {
        const error = await refused(token, { ...options, [name]: value });
        assert.equal(error.name, 'OptionError');
        assert.equal(error.code, 'invalid-option');
        assert.ok(error.message.startsWith(`${name}: `), error.message);
      }
    }
  });

  test('a payload of the wrong length, or too late, is refused', async () => {
    const token = await stage.world.token([server]);
    await call(stage.page, 'connect', 'sender', token, bridge.options('auto'));
    assert.equal(await call(stage.page, 'refusal', 'sender', 0), 'payload-length');
    assert.equal(await call(stage.page, 'refusal', 'sender', 1201), 'payload-length');
    assert.equal(await call(stage.page, 'refusal', 'sender', 1200), null);
    await call(stage.page, 'close', 'sender');
    assert.equal(await call(stage.page, 'refusal', 'sender', 1200), 'not-connected');
  });
});

for (const transport of TRANSPORTS) {
  describe(`over ${transport}`, () => {
    for (const [moment, outcome] of [
      ['before', 'aborted before'],
      ['opening', 'aborted opening'],
      ['connected', 'client'],
    ]) {
      test(`an attempt is aborted: ${moment}`, async () => {
        const token = await stage.world.token([server]);
        const options = bridge.options(transport);
        const told = await call(stage.page, 'abort', moment, token, options, moment);
        assert.equal(told, outcome);
      });
    }

    test('what was sent and received is counted', async () => {
      const token = await stage.world.token([server]);
      await call(stage.page, 'connect', 'counted', token, bridge.options(transport));
      await call(stage.page, 'echo', 'counted', 20, 1200, 4);
      const { stats } = await call(stage.page, 'close', 'counted');
      assert.equal(stats.payloadsSent, 20);
      assert.equal(stats.payloadsReceived, 20);
      assert.ok(stats.sent > 20 && stats.received >= 20);
      assert.ok(stats.bytesSent > 20 * 1200 && stats.bytesReceived > 20 * 1200);
      assert.ok(stats.handshakeRoundTrip > 0);
      assert.deepEqual([stats.unsent, stats.malformed, stats.payloadsUntaken], [0, 0, 0]);
    });
  });
}
