// A page that is left: its server receives a disconnect at once, not a timeout.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { launch, openTab } from './site.mjs';
import { call, setStage, TRANSPORTS } from './stage.mjs';

const stage = setStage();

/** Longer than any of it takes; the token's timeout would take five minutes. */
const GUARD = { timeout: 30_000 };

let nextId = 1000;

/** A server that would take five minutes to miss a client, and a tab that is connected to it. */
async function connectedTab(transport, browser = stage.browser) {
  const { world, site } = stage;
  const server = await world.server();
  const bridge = await world.bridge([server]);
  const id = String(nextId);
  nextId += 1;
  const token = await world.token([server], '--timeout', '300', '--client-id', id);
  const page = await openTab(browser, site);
  const options = bridge.options(transport);
  const connected = await call(page, 'connect', 'leaver', token, options);
  assert.equal(connected.state, 'connected', JSON.stringify(connected.error));
  await server.event('client connected');
  return { server, page, options, id };
}

const WAYS = {
  'goes elsewhere': (page) => page.goto('about:blank'),
  'is closed': (page) => page.close({ runBeforeUnload: true }),
};

test('a page that comes back from the back/forward cache knows that it has left, and connects again', GUARD, async (t) => {
  const browser = await launch({ ignoreDefaultArgs: ['--disable-back-forward-cache'] });
  t.after(() => browser.close());
  const { server, page, options, id } = await connectedTab('webtransport', browser);
  await page.goto('about:blank');
  assert.equal((await server.event('client left')).reason, 'by_client');
  // The page is shown as it was: it is not loaded.
  await page.goBack({ waitUntil: 'commit' });
  const { reason, state } = await call(page, 'closed', 'leaver');
  assert.deepEqual({ reason, state }, { reason: 'page-left', state: 'disconnected' });
  const token = await stage.world.token([server], '--client-id', id);
  assert.equal((await call(page, 'connect', 'again', token, options)).state, 'connected');
});

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

    test('a page that is loaded again connects as the same client', GUARD, async (t) => {
      const { server, page, options, id } = await connectedTab(transport);
      const token = await stage.world.token([server], '--client-id', id);
      const begun = performance.now();
      await page.reload();
      await page.waitForFunction(() => document.title === 'ready');
      const again = await call(page, 'connect', 'leaver', token, options);
      t.diagnostic(`${(performance.now() - begun).toFixed()} ms from reload to connected`);
      assert.equal(again.state, 'connected', JSON.stringify(again.error));
      await page.context().close();
    });

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
