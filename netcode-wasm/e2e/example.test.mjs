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

async function visit(options, transport) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  await page.goto(address);
  await says(page, 'state', /^connected$/);
  if (transport) {
    await page.click('#connect');
    await says(page, 'state', /^disconnected$/);
    await page.selectOption('#transport', transport);
    await page.click('#connect');
    await says(page, 'note', new RegExp(`over ${transport}`));
  }
  return page;
}

/** Waits until an element's text is like this. */
function says(page, id, pattern) {
  const matches = ([id, source]) => new RegExp(source).test(document.getElementById(id).textContent);
  return page.waitForFunction(matches, [id, pattern.source]);
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
  await says(page, 'note', /over webrtc/);
  await page.selectOption('#transport', 'webtransport');
  await says(page, 'note', /over webtransport/);
  await says(page, 'state', /^connected$/);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('a heavy load comes back whole', async () => {
  const page = await visit({});
  await page.fill('#rate', '300');
  await page.fill('#size', '1200');
  await says(page, 'sent', / · (2[5-9]\d|3\d\d)\/s/);
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
