// Browsers and desktops in one game; hidden tabs; many connections.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { call, setStage, TRANSPORTS } from './stage.mjs';
import { openTab } from './site.mjs';

const stage = setStage();

describe('several clients', () => {
  test('two tabs and a desktop exchange payloads through one server', async () => {
    const { world, browser, site, page } = stage;
    const server = await world.server('--relay');
    const bridge = await world.bridge([server]);
    const other = await openTab(browser, site);

    const join = async (tab, transport) => {
      const token = await world.token([server]);
      return call(tab, 'connect', 'tab', token, bridge.options(transport));
    };
    assert.equal((await join(page, 'webtransport')).state, 'connected');
    assert.equal((await join(other, 'webrtc')).state, 'connected');
    const token = await world.tokenFile([server]);
    const desktop = world.start('netcode', ['client', token, '--stdin', '--json']);
    while ((await desktop.event('state')).state !== 'connected') {
      // Requesting, responding.
    }

    const heard = (tab) => call(tab, 'text', 'tab');
    const heardByDesktop = async () => {
      return Buffer.from((await desktop.event('payload')).bytes, 'hex').toString();
    };
    await call(page, 'send', 'tab', 'from the first tab');
    assert.equal(await heard(other), 'from the first tab');
    assert.equal(await heardByDesktop(), 'from the first tab');
    await call(other, 'send', 'tab', 'from the second tab');
    assert.equal(await heard(page), 'from the second tab');
    assert.equal(await heardByDesktop(), 'from the second tab');
    desktop.write('from the desktop');
    assert.equal(await heard(page), 'from the desktop');
    assert.equal(await heard(other), 'from the desktop');
    await other.context().close();
  });

  for (const transport of TRANSPORTS) {
    test(`a server of the reference answers a page over ${transport}`, async () => {
      const { world, page } = stage;
      const server = world.start('official-server', [world.keyFile]);
      server.address = (await server.event('listening')).addresses[0];
      const bridge = await world.bridge([server]);
      const token = await world.token([server]);
      const connected = await call(page, 'connect', 'guest', token, bridge.options(transport));
      assert.equal(connected.state, 'connected');
      const echoed = await call(page, 'echo', 'guest', 100, 1200, 4);
      assert.equal(echoed.received, 100);
      assert.equal(echoed.wrong, 0);
      assert.equal((await call(page, 'close', 'guest')).reason, 'client');
    });
  }
});
