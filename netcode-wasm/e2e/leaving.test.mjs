// A page that is left: its server receives a disconnect at once, not a timeout.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { openTab } from './site.mjs';
import { call, setStage, TRANSPORTS } from './stage.mjs';

const stage = setStage();

/** Longer than any of it takes; the token's timeout would take five minutes. */
const GUARD = { timeout: 30_000 };

/** A server that would take five minutes to miss a client, and a tab that is connected to it. */
async function connectedTab(transport) {
  const { world, browser, site } = stage;
  const server = await world.server();
  const bridge = await world.bridge([server]);
  const token = await world.token([server], '--timeout', '300');
  const page = await openTab(browser, site);
  const options = bridge.options(transport);
  const connected = await call(page, 'connect', 'leaver', token, options);
  assert.equal(connected.state, 'connected', JSON.stringify(connected.error));
  await server.event('client connected');
  return { server, page, options };
}

const WAYS = {
  'goes elsewhere': (page) => page.goto('about:blank'),
  'is loaded again': (page) => page.reload(),
  'is closed': (page) => page.close({ runBeforeUnload: true }),
};

for (const transport of TRANSPORTS) {
  describe(`over ${transport}`, () => {
    for (const [name, leave] of Object.entries(WAYS)) {
      test(`a page that ${name} disconnects`, GUARD, async () => {
        const { server, page } = await connectedTab(transport);
        await leave(page);
        const { reason } = await server.event('client left');
        assert.equal(reason, 'by_client');
        await page.context().close();
      });
    }

    test('a page that is kept for the way back knows that it has left, and connects again', GUARD, async () => {
      const { server, page, options } = await connectedTab(transport);
      const closed = call(page, 'closed', 'leaver');
      await page.evaluate(() => {
        dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));
        dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
      });
      const { reason, error, state } = await closed;
      assert.deepEqual({ reason, error, state }, { reason: 'page-left', error: null, state: 'disconnected' });
      await server.event('client left');
      const again = await call(page, 'connect', 'again', await stage.world.token([server]), options);
      assert.equal(again.state, 'connected');
      await page.context().close();
    });

    test('an attempt ends with its page', GUARD, async () => {
      const { world, browser, site } = stage;
      const server = await world.server();
      const bridge = await world.bridge([server]);
      const token = await world.token([server], '--timeout', '300', '--expires-in', '300');
      await server.end('SIGKILL');
      const page = await openTab(browser, site);
      // The attempt begins with the call if nothing is left to load.
      await page.evaluate(() => netcode.load());
      const connecting = call(page, 'connect', 'attempt', token, bridge.options(transport));
      await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide')));
      const { error } = await connecting;
      assert.equal(error.name, 'PageLeftError');
      assert.equal(error.code, 'page-left');
      await page.context().close();
    });
  });
}
