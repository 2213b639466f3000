// The website of the example `matchmaker`: accounts, the game, and the page for operators.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { launch } from './site.mjs';

const BINARIES = process.env.NETCODE_BINARIES;
const ARTEFACTS = join(process.env.NETCODE_ARTEFACTS, 'matchmaker');
/** Of the game of the example for browsers. */
const PROTOCOL_ID = '7954892287239284055';
const PASSWORD = 'correct horse';

const keys = {};
let folder;
let service;
let game;
let browser;
let address;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'matchmaker-'));
  const entries = await Promise.all([entry('eu', 'server'), entry('operator', 'admin')]);
  await writeFile(join(folder, 'keys.toml'), entries.join('\n'));
  const key = join(folder, 'game.key');
  await writeFile(key, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  service = start('matchmaker', [
    'serve', '--listen', '127.0.0.1:0', '--protocol-id', PROTOCOL_ID, '--key', key,
    '--store', join(folder, 'state'), '--credentials', join(folder, 'keys.toml'),
    '--site', process.env.NETCODE_PACKAGE, '--log', 'warn',
  ]);
  const [, url] = /^listening on (\S+)$/.exec(await line(service));
  address = url;
  const member = ['--matchmaker', url, '--server-name', 'eu-1', '--key', key];
  game = start('browser-example', member, { MATCHMAKER_SERVER_KEY: keys.server });
  browser = await launch();
  await mkdir(ARTEFACTS, { recursive: true });
});

after(async () => {
  await browser?.close();
  game?.kill('SIGKILL');
  service?.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

function start(name, words, env) {
  const options = { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } };
  return spawn(join(BINARIES, name), words, options);
}

/** First line that a program prints. */
async function line(program) {
  for await (const text of createInterface({ input: program.stdout })) {
    return text;
  }
  throw new Error('the program ended');
}

/** Draws an API key of this role; returns its entry for the file of credentials. */
async function entry(name, role) {
  const { stdout } = await promisify(execFile)(join(BINARIES, 'matchmaker'), ['key']);
  [, keys[role]] = /owner: +(\S+)/.exec(stdout);
  const [sha256] = /^sha256 = .*$/m.exec(stdout);
  return `[[key]]\nname = "${name}"\nrole = "${role}"\n${sha256}\n`;
}

async function open(path, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  page.on('console', (message) => {
    // Such as of the content security policy. Refusals are logged by the browser itself.
    if (message.type() === 'error' && !message.text().includes('status of 4')) {
      page.complaints.push(message.text());
    }
  });
  await page.goto(`${address}${path}`);
  return page;
}

function says(page, id, pattern) {
  const matches = ([id, source]) => new RegExp(source).test(document.getElementById(id).textContent);
  return page.waitForFunction(matches, [id, pattern.source]);
}

async function fill(page, name, password = PASSWORD) {
  await page.waitForSelector('#account');
  await page.fill('#account-name', name);
  await page.fill('#account-password', password);
}

const PHONE = {
  viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true,
};

test('players sign up and play together, and an operator watches', { timeout: 120_000 }, async () => {
  const desk = await open('/', { viewport: { width: 1000, height: 760 } });
  const phone = await open('/', PHONE);
  await phone.waitForSelector('#account');
  await phone.screenshot({ path: join(ARTEFACTS, 'sign-in.png') });
  for (const [page, name] of [[desk, 'alice'], [phone, 'bob']]) {
    await fill(page, name);
    await page.click('text=Create account');
    await says(page, 'name', new RegExp(`^${name}$`));
    for (;;) {
      await page.click('#connect');
      await page.waitForFunction(
        () => ['connected', 'failed'].includes(document.getElementById('state').textContent));
      if ((await page.textContent('#state')) === 'connected') {
        break;
      }
      // The first heartbeat may be on its way, and a server refuses tokens of its first second.
    }
  }
  await desk.focus('#arena');
  for (const key of ['ArrowLeft', 'ArrowLeft', 'ArrowUp', 'h']) {
    await desk.keyboard.press(key);
  }

  const operator = await open('/admin', PHONE);
  await operator.fill('#key', keys.admin);
  await operator.click('text=Watch');
  await says(operator, 'players', /^2$/);
  await says(operator, 'reserved', /^0$/);
  await says(operator, 'free', /^62$/);
  await says(operator, 'servers', /eu-1.*accepting.*2 of 64 connected/);

  await desk.screenshot({ path: join(ARTEFACTS, 'desk.png') });
  await phone.screenshot({ path: join(ARTEFACTS, 'phone.png') });
  await operator.screenshot({ path: join(ARTEFACTS, 'operator.png') });
  const overflow = () => document.documentElement.scrollWidth - window.innerWidth;
  for (const page of [phone, operator]) {
    assert.ok((await page.evaluate(overflow)) <= 0, 'the phone scrolls sideways');
  }
  await phone.click('#connect');
  await says(operator, 'players', /^1$/);
  for (const page of [desk, phone, operator]) {
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  }
});

test('a player comes back, and a wrong password is refused', { timeout: 60_000 }, async () => {
  const page = await open('/');
  await fill(page, 'alice', 'wrong password');
  await page.click('button[value=session]');
  await says(page, 'problem', /^the name or the password is wrong$/);
  await fill(page, 'alice');
  await page.click('button[value=session]');
  await says(page, 'name', /^alice$/);
  await page.reload();
  await says(page, 'name', /^alice$/);
  const [cookie] = await page.context().cookies();
  assert.equal(cookie.name, '__Host-session');
  assert.deepEqual([cookie.httpOnly, cookie.secure, cookie.sameSite], [true, true, 'Strict']);
  await page.click('#sign-out');
  await page.waitForSelector('#account');
  assert.deepEqual(await page.context().cookies(), []);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('a page says that no server is left', { timeout: 60_000 }, async () => {
  game.kill('SIGINT');
  await new Promise((resolve) => game.once('exit', resolve));
  const page = await open('/');
  await fill(page, 'carol');
  await page.click('text=Create account');
  await page.click('#connect');
  await says(page, 'problem', /free slot.*Try again in \d+ s/);
  await page.screenshot({ path: join(ARTEFACTS, 'full.png') });
  await page.context().close();
});
