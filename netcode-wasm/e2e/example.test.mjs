// The example page, as a visitor sees it, on a desk and on a phone.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Program } from './commands.mjs';
import { launch } from './site.mjs';

const ARTEFACTS = join(process.env.NETCODE_ARTEFACTS, 'browser-example');

let browser;
let program;
let address;

before(async () => {
  const words = ['--port', '0', '--package', process.env.NETCODE_PACKAGE, '--json'];
  program = new Program('browser-example', words);
  [browser, { page: address }] = await Promise.all([launch(), program.event('listening')]);
  await mkdir(ARTEFACTS, { recursive: true });
});

after(async () => {
  await browser?.close();
  await program?.end('SIGKILL');
});

async function visit(options, transport, prepare = () => {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.addInitScript(prepare);
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  await page.goto(address);
  await says(page, 'state', /^connected$/);
  if (transport) {
    await page.click('#connect');
    await says(page, 'state', /^disconnected$/);
    await page.selectOption('#transport', transport);
    await page.click('#connect');
    await says(page, 'hop', new RegExp(`^${transport}$`, 'i'));
  }
  return page;
}

/** Waits until an element's text is like this. */
function says(page, id, pattern, options) {
  const { source, flags } = pattern;
  const matches = ([id, ...pattern]) => new RegExp(...pattern).test(document.getElementById(id).textContent);
  return page.waitForFunction(matches, [id, source, flags], options);
}

/** Position on the page of what comes below what changes. */
function below(page) {
  return page.evaluate(() => ['arena', 'graph'].map((id) => document.getElementById(id).offsetTop));
}

test('visitors see each other and two desktops, on a desk and on a phone', async () => {
  const desk = await visit({ viewport: { width: 1100, height: 760 } });
  const phone = await visit(
    { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
    'webrtc',
  );
  for (const page of [desk, phone]) {
    await says(page, 'clients', /^4$/);
    await page.mouse.move(250, 420);
    await page.keyboard.press('h');
    await says(page, 'round-trip', /^\d+\.\d\d ms$/);
    await says(page, 'sent', /kB\/s/);
    await says(page, 'loss', /^\d+\.\d %$/);
  }
  await desk.screenshot({ path: join(ARTEFACTS, 'desk.png') });
  await phone.screenshot({ path: join(ARTEFACTS, 'phone.png'), fullPage: true });
  const overflow = () => document.documentElement.scrollWidth - window.innerWidth;
  assert.ok((await phone.evaluate(overflow)) <= 0, 'the phone scrolls sideways');
  for (const page of [desk, phone]) {
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  }
});

test('choosing a transport while connected connects by it', { timeout: 60_000 }, async () => {
  const page = await visit({});
  await page.selectOption('#transport', 'webrtc');
  await says(page, 'hop', /^WebRTC$/);
  await page.selectOption('#transport', 'webtransport');
  await says(page, 'hop', /^WebTransport$/);
  await says(page, 'state', /^connected$/);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('where WebTransport is missing, the page says so', async () => {
  const page = await visit({}, undefined, () => delete globalThis.WebTransport);
  await says(page, 'hop', /^WebRTC$/);
  await says(page, 'note', /WebRTC in the place of WebTransport: .*recent browser/);
  await page.context().close();
});

test('a heavy load comes back whole, and nothing moves because of what is said', async () => {
  const page = await visit({});
  const connected = await below(page);
  await page.fill('#rate', '300');
  await page.fill('#size', '1200');
  await says(page, 'sent-rate', /^(2[5-9]\d|3\d\d) payloads\/s$/);
  await page.screenshot({ path: join(ARTEFACTS, 'load.png') });
  assert.deepEqual(await below(page), connected);
  await page.click('#connect');
  await says(page, 'state', /^disconnected$/);
  assert.deepEqual(await below(page), connected);
  await page.context().close();
});

/** Less than the timeout of the example's tokens, ten seconds. */
const AHEAD = { timeout: 8000 };

test('after a crash a visitor is back in its place, ahead of the timeout', async (t) => {
  const page = await visit({});
  await says(page, 'clients', /^3$/);
  const visitor = await page.evaluate(() => sessionStorage.visitor);
  const crashed = page.waitForEvent('crash');
  const devtools = await page.context().newCDPSession(page);
  devtools.send('Page.crash').catch(() => {});
  await crashed;
  // The tab that the browser restores: tests cannot load a crashed one again.
  const restored = await page.context().newPage();
  await restored.addInitScript((visitor) => (sessionStorage.visitor = visitor), visitor);
  // Of two tokens the newer is told by its expiry, in whole seconds.
  const isLater = (second) => Math.floor(Date.now() / 1000) > second;
  await restored.waitForFunction(isLater, Math.floor(Date.now() / 1000));
  const begun = performance.now();
  await restored.goto(address);
  await says(restored, 'state', /^connected$/, AHEAD);
  t.diagnostic(`${(performance.now() - begun).toFixed()} ms from loading to connected`);
  await says(restored, 'clients', /^3$/, AHEAD);
  await page.context().close();
});

test('a page says what is wrong when everything is gone', async () => {
  const page = await visit({});
  await program.end('SIGKILL');
  await says(page, 'state', /^failed$/);
  await says(page, 'problem', /\(\S+\)$/);
  await page.screenshot({ path: join(ARTEFACTS, 'failed.png') });
  await page.click('#connect');
  await says(page, 'problem', /^no token: the backend does not answer$/);
  assert.deepEqual(page.complaints, []);
});
