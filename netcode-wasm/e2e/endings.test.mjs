// Ends of connections, and how JavaScript learns of them, over each transport.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { openTab } from './site.mjs';
import { call, setStage, TRANSPORTS } from './stage.mjs';

const stage = setStage();

/** Connects client `id` to a server by way of a bridge; it must not fail. */
async function connected(id, ...rest) {
  const outcome = await connect(id, ...rest);
  assert.equal(outcome.state, 'connected', JSON.stringify(outcome.error));
  return outcome;
}

/** Tries to connect client `id` to a server by way of a bridge. */
async function connect(id, servers, options, ...words) {
  const token = await stage.world.token(servers, ...words);
  return call(stage.page, 'connect', id, token, options);
}

for (const transport of TRANSPORTS) {
  describe(`over ${transport}`, () => {
    test('a disconnect by the server ends the connection without an error', async () => {
      const server = await stage.world.server();
      const bridge = await stage.world.bridge([server]);
      await connected('ended', [server], bridge.options(transport));
      const closed = call(stage.page, 'closed', 'ended');
      await server.end('SIGTERM');
      const { reason, error, state } = await closed;
      assert.deepEqual({ reason, error, state }, { reason: 'server', error: null, state: 'disconnected' });
    });

    test('a full server denies', async () => {
      const server = await stage.world.server('--max-clients', '1');
      const bridge = await stage.world.bridge([server]);
      await connected('first', [server], bridge.options(transport));
      const { error } = await connect('second', [server], bridge.options(transport));
      assert.equal(error.name, 'StateError');
      assert.equal(error.code, 'connection-denied');
      assert.equal(error.state, -1);
    });

    test('a token without a lifetime has expired before a connection stands', async () => {
      const server = await stage.world.server();
      const bridge = await stage.world.bridge([server]);
      const options = bridge.options(transport);
      const { error } = await connect('late', [server], options, '--expires-in', '0');
      assert.equal(error.code, 'connect-token-expired');
      assert.equal(error.state, -6);
    });

    test('a token that expired on its way is refused by the bridge', async () => {
      const server = await stage.world.server();
      const bridge = await stage.world.bridge([server]);
      const token = await stage.world.token([server], '--expires-in', '1');
      const expiry = Math.ceil(Date.now() / 1000) + 1;
      await stage.page.waitForFunction((expiry) => Date.now() / 1000 > expiry, expiry);
      const options = bridge.options(transport);
      const { error } = await call(stage.page, 'connect', 'expired', token, options);
      assert.equal(error.name, 'BridgeError');
      assert.equal(error.code, 'bridge-token-expired');
      assert.equal(error.closeCode, 3);
    });

    test('a server that is killed times out', async () => {
      const server = await stage.world.server();
      const bridge = await stage.world.bridge([server]);
      await connected('alone', [server], bridge.options(transport), '--timeout', '4');
      const closed = call(stage.page, 'closed', 'alone');
      await server.end('SIGKILL');
      const { reason, error, state } = await closed;
      assert.equal(reason, 'error');
      assert.equal(error.code, 'connection-timed-out');
      assert.equal(error.state, -4);
      assert.equal(state, 'connection-timed-out');
    });

    test('a server that never was times out', async () => {
      const server = await stage.world.server();
      const bridge = await stage.world.bridge([server]);
      await server.end('SIGKILL');
      const options = bridge.options(transport);
      const { error } = await connect('unanswered', [server], options, '--timeout', '2');
      assert.equal(error.code, 'connection-request-timed-out');
      assert.equal(error.state, -2);
    });

    test('a bridge that is killed is missed, and served again when it is back', async () => {
      const server = await stage.world.server();
      const killed = await stage.world.bridgeAtOnePort([server]);
      await connected('bridged', [server], killed.options(transport), '--timeout', '4');
      const closed = call(stage.page, 'closed', 'bridged');
      await killed.end('SIGKILL');
      const { reason, error } = await closed;
      assert.equal(reason, 'error');
      assert.ok(['connection-timed-out', `${transport}-lost`].includes(error.code), error.code);

      await stage.world.bridge([server], '--listen', killed.listening.webtransport);
      // The page knows the hash of the certificate from before.
      await connected('again', [server], killed.options(transport));
    });

    test('a bridge that goes away says so', async () => {
      const server = await stage.world.server();
      const bridge = await stage.world.bridge([server]);
      await connected('drained', [server], bridge.options(transport));
      const closed = call(stage.page, 'closed', 'drained');
      await bridge.end('SIGTERM');
      const { reason, error } = await closed;
      assert.equal(reason, 'error');
      // A busy browser may find the connection gone before it has read why.
      const codes = { webtransport: ['bridge-draining', 'webtransport-lost'], webrtc: ['bridge-draining'] };
      assert.ok(codes[transport].includes(error.code), error.code);
    });

    test('a page of another origin is refused', async () => {
      const server = await stage.world.server();
      const bridge = await stage.world.bridge([server], '--origin', 'https://game.example');
      const { error } = await connect('foreign', [server], bridge.options(transport));
      assert.equal(error.name, 'BridgeError');
      assert.equal(error.code, 'bridge-origin-not-allowed');
      assert.equal(error.transport, transport);
    });

    test('a server that the bridge may not reach is skipped for the next one', async () => {
      const [server, other] = [await stage.world.server(), await stage.world.server()];
      const bridge = await stage.world.bridge([server]);
      const options = bridge.options(transport);
      const refused = await connect('elsewhere', [other], options);
      assert.equal(refused.error.code, 'bridge-server-not-allowed');
      await connected('second choice', [other, server], options);
    });
  });
}

describe('with a choice of transports', () => {
  test('a certificate with another hash is not trusted', async () => {
    const server = await stage.world.server();
    const bridge = await stage.world.bridge([server]);
    const options = { ...bridge.options('webtransport'), certificateHashes: ['00'.repeat(32)] };
    const { error } = await connect('wary', [server], options);
    assert.equal(error.name, 'TransportError');
    assert.equal(error.code, 'webtransport-not-opened');
  });

  test('WebTransport comes first, and WebRTC where it cannot be opened, with the reason', async () => {
    const server = await stage.world.server();
    const bridge = await stage.world.bridge([server]);
    const options = bridge.options('auto');
    const first = await connect('first choice', [server], options);
    assert.equal(first.transport, 'webtransport');
    assert.equal(first.fallback, null);

    const wrong = { ...options, certificateHashes: ['00'.repeat(32)] };
    const second = await connect('second choice', [server], wrong);
    assert.equal(second.state, 'connected');
    assert.equal(second.transport, 'webrtc');
    assert.equal(second.fallback.code, 'webtransport-not-opened');
  });

  /** Connects to a bridge; the browser reports datagrams of 1024 bytes `times` times. */
  const withShortDatagrams = async (times) => {
    const server = await stage.world.server();
    const bridge = await stage.world.bridge([server]);
    const page = await openTab(stage.browser, stage.site);
    await page.evaluate((times) => {
      const { prototype } = WebTransportDatagramDuplexStream;
      const { get } = Object.getOwnPropertyDescriptor(prototype, 'maxDatagramSize');
      let left = times ?? Infinity;
      Object.defineProperty(prototype, 'maxDatagramSize', {
        get() {
          left -= 1;
          return left >= 0 ? 1024 : get.call(this);
        },
      });
    }, times);
    const token = await stage.world.token([server]);
    const connected = await call(page, 'connect', 'short', token, bridge.options('auto'));
    await page.context().close();
    return connected;
  };

  test('WebTransport is used as soon as its datagrams can carry a connection request', async () => {
    const { state, transport } = await withShortDatagrams(5);
    assert.deepEqual({ state, transport }, { state: 'connected', transport: 'webtransport' });
  });

  test('where its datagrams stay too short for that, WebRTC is used', async () => {
    const { state, transport, fallback } = await withShortDatagrams(null);
    assert.deepEqual({ state, transport }, { state: 'connected', transport: 'webrtc' });
    assert.equal(fallback.code, 'webtransport-not-opened');
    assert.match(fallback.message, /datagrams have at most 1024 bytes/);
  });

  test('what a bridge refuses by one way it is not asked for by the other', async () => {
    const server = await stage.world.server();
    const bridge = await stage.world.bridge([server], '--origin', 'https://game.example');
    const { error } = await connect('refused', [server], bridge.options('auto'));
    assert.equal(error.code, 'bridge-origin-not-allowed');
    assert.equal(error.transport, 'webtransport');
    assert.equal(error.cause, null);
  });
});
