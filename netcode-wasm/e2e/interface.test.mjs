// The interface: arguments, abort signals, what is thrown, and what is counted.

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
        assert.equal(error.name, 'ArgumentError');
        assert.equal(error.code, 'invalid-option');
        assert.ok(error.message.startsWith(`${name}: `), error.message);
      }
    }
  });

  test('an option of a wrong type is named, too', async () => {
    const codes = await stage.page.evaluate(
      async ([token, options]) => {
        const wrongs = [{ certificateHashes: 5 }, { certificateHashes: [32] }, { signal: 'abort' }];
        const refusals = wrongs.map(async (wrong) => {
          try {
            await netcode.NetcodeClient.connect(token, { ...options, ...wrong });
            return null;
          } catch (error) {
            return [error instanceof TypeError, error.code, error.message.split(':')[0]];
          }
        });
        return Promise.all(refusals);
      },
      [await stage.world.token([server]), bridge.options('auto')],
    );
    const named = (name) => [true, 'invalid-option', name];
    assert.deepEqual(codes, [named('certificateHashes'), named('certificateHashes'), named('signal')]);
  });

  test('what is neither bytes nor base64 is no token, and is said to be what it is', async () => {
    const refusals = await stage.page.evaluate(async (options) => {
      const moved = new ArrayBuffer(2048);
      structuredClone(moved, { transfer: [moved] });
      const wrongs = [null, undefined, 2048, 'no base64!', {}, new Blob([]), moved];
      const refusals = wrongs.map(async (wrong) => {
        const connecting = netcode.NetcodeClient.connect(wrong, options);
        const error = await connecting.catch((error) => error);
        const { name, code, message } = error;
        const isTypeError = error instanceof TypeError;
        return { name, code, isTypeError, given: message.split(', not ')[1] };
      });
      return Promise.all(refusals);
    }, bridge.options('auto'));
    for (const { name, code, isTypeError } of refusals) {
      const expected = { name: 'ArgumentError', code: 'token-type', isTypeError: true };
      assert.deepEqual({ name, code, isTypeError }, expected);
    }
    const given = ['null', 'undefined', 'a number', 'another text', 'Object', 'Blob'];
    assert.deepEqual(
      refusals.map(({ given }) => given),
      [...given, 'a buffer that was transferred'],
    );
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

describe('bytes', () => {
  test('a token may be any buffer, any view of one, or base64', async () => {
    const tokens = [];
    for (let left = 4; left > 0; left -= 1) {
      tokens.push(await stage.world.token([server]));
    }
    const states = await stage.page.evaluate(
      async ([tokens, options]) => {
        const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        const padded = new Uint8Array(3000);
        padded.set(bytes(tokens[2]), 500);
        const forms = [
          tokens[0],
          bytes(tokens[1]).buffer,
          new DataView(padded.buffer, 500, 2048),
          new Float64Array(bytes(tokens[3]).buffer),
        ];
        const connecting = forms.map(async (token) => {
          const client = await netcode.NetcodeClient.connect(token, options);
          const { state } = client;
          client.close();
          return state;
        });
        return Promise.all(connecting);
      },
      [tokens, bridge.options('auto')],
    );
    assert.deepEqual(states, ['connected', 'connected', 'connected', 'connected']);
  });

  test('what is no buffer is refused with an error that says what to do', async () => {
    const token = await stage.world.token([server]);
    const refusals = await stage.page.evaluate(
      async ([token, options]) => {
        const client = await netcode.NetcodeClient.connect(token, options);
        const moved = new DataView(new ArrayBuffer(8));
        structuredClone(moved.buffer, { transfer: [moved.buffer] });
        const wrongs = ['text', 7, null, undefined, [1, 2], { length: 2 }, new Blob(['x']), moved];
        const refusals = wrongs.map((wrong) => {
          try {
            client.send(wrong);
            return null;
          } catch (error) {
            const { name, code, message } = error;
            const classes = [TypeError, netcode.NetcodeError, netcode.ArgumentError, netcode.SendError];
            const instanceOf = classes.map((it) => error instanceof it);
            return { name, code, message, instanceOf };
          }
        });
        client.close();
        return refusals;
      },
      [token, bridge.options('auto')],
    );
    for (const { name, code, message, instanceOf } of refusals) {
      assert.deepEqual({ name, code }, { name: 'ArgumentError', code: 'payload-type' });
      assert.deepEqual(instanceOf, [true, true, true, false]);
      assert.match(message, /ArrayBuffer or a view of one .*TextEncoder/);
    }
    assert.match(refusals[0].message, /not a string$/);
    assert.match(refusals[2].message, /not null$/);
  });

  test('changing a payload changes that of no other listener', async () => {
    const token = await stage.world.token([server]);
    const seen = await stage.page.evaluate(
      async ([token, options]) => {
        const client = await netcode.NetcodeClient.connect(token, options);
        client.addEventListener('payload', ({ data }) => data.fill(255));
        const readers = [client[Symbol.asyncIterator](), client[Symbol.asyncIterator]()];
        const reads = Promise.all(readers.map((reader) => reader.next()));
        for (let read = false; !read; ) {
          client.send(new Uint8Array([1, 2, 3]));
          const pause = new Promise((resolve) => setTimeout(resolve, 100, false));
          read = await Promise.race([reads.then(() => true), pause]);
        }
        const [first, second] = (await reads).map(({ value }) => value);
        first.fill(9);
        client.close();
        return [...second];
      },
      [token, bridge.options('auto')],
    );
    assert.deepEqual(seen, [1, 2, 3]);
  });
});

describe('around the end', () => {
  test('payloads come before the end that a listener of one of them asks for', async () => {
    const token = await stage.world.token([server]);
    const seen = await stage.page.evaluate(
      async ([token, options]) => {
        const client = await netcode.NetcodeClient.connect(token, options);
        const seen = [];
        client.addEventListener('statechange', ({ state }) => seen.push(state));
        client.addEventListener('payload', () => {
          seen.push('payload');
          client.close();
        });
        const closed = new Promise((resolve) => client.addEventListener('close', resolve));
        const sending = setInterval(() => {
          // Several at a time, so that some arrive together.
          for (let left = 8; left > 0 && client.state === 'connected'; left -= 1) {
            client.send(new Uint8Array(1));
          }
        }, 20);
        const { type } = await closed;
        clearInterval(sending);
        return [...seen, type];
      },
      [token, bridge.options('auto')],
    );
    assert.equal(seen[0], 'payload');
    const payloads = seen.filter((it) => it === 'payload');
    assert.deepEqual(seen, [...payloads, 'disconnected', 'close']);
  });

  /** Connects, and before anything else can happen ends the connection this way. */
  const endAtOnce = async (way) => {
    const token = await stage.world.token([server]);
    return stage.page.evaluate(
      async ([token, options, way]) => {
        const client = await netcode.NetcodeClient.connect(token, options);
        if (way === 'close') {
          client.close();
        } else {
          dispatchEvent(new PageTransitionEvent('pagehide'));
        }
        const { state } = client;
        let thrown = null;
        try {
          client.send(new Uint8Array(1));
        } catch (error) {
          thrown = [error instanceof netcode.NetcodeError, error.code];
        }
        const closed = new Promise((resolve) => client.addEventListener('close', resolve));
        const { reason } = await closed;
        return { state, thrown, reason, then: client.state };
      },
      [token, bridge.options('auto'), way],
    );
  };

  test('a client closed as soon as it is connected says so, and sends nothing', async () => {
    const { state, thrown, reason, then } = await endAtOnce('close');
    assert.equal(state, 'disconnected');
    assert.deepEqual(thrown, [true, 'not-connected']);
    assert.equal(reason, 'client');
    assert.equal(then, 'disconnected');
  });

  test('as long as no event has told of the end, state is connected and send does not throw', { timeout: 30_000 }, async () => {
    const { state, thrown, reason, then } = await endAtOnce('page');
    assert.equal(state, 'connected');
    assert.equal(thrown, null);
    assert.equal(reason, 'page-left');
    assert.equal(then, 'disconnected');
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
