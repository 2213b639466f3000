// A browser that can hide its tab. Playwright's tabs always believe that they are seen.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import { ARGUMENTS, EXECUTABLE } from './site.mjs';

/** Switches of chromedriver that users do not have: they keep hidden tabs from being slowed down. */
const SPARING = [
  'disable-background-timer-throttling',
  'disable-backgrounding-occluded-windows',
  'disable-renderer-backgrounding',
];

export class WebDriver {
  #driver;
  #session;

  static async start() {
    const driver = new WebDriver();
    const executable = process.env.CHROMEDRIVER ?? '/usr/bin/chromedriver';
    driver.#driver = spawn(executable, ['--port=0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const base = `http://127.0.0.1:${await readPort(driver.#driver.stdout)}/session`;
    const args = [...ARGUMENTS, '--headless', '--no-sandbox'];
    const chrome = { 'goog:chromeOptions': { binary: EXECUTABLE, args, excludeSwitches: SPARING } };
    const { sessionId } = await post(base, { capabilities: { alwaysMatch: chrome } });
    driver.#session = `${base}/${sessionId}`;
    return driver;
  }

  async open(url) {
    await post(`${this.#session}/url`, { url });
  }

  /** Calls an asynchronous function in the page. */
  async evaluate(work, ...args) {
    const script = `const done = arguments[arguments.length - 1];
      (${work})(...[...arguments].slice(0, -1)).then(
        (value) => done({ value }), (error) => done({ error: String(error) }));`;
    const { value, error } = await post(`${this.#session}/execute/async`, { script, args });
    if (error !== undefined) {
      throw new Error(error);
    }
    return value;
  }

  async hide() {
    await post(`${this.#session}/window/minimize`, {});
  }

  async end() {
    if (this.#session) {
      await fetch(this.#session, { method: 'DELETE' });
    }
    this.#driver.kill();
  }
}

async function readPort(output) {
  for await (const line of createInterface({ input: output })) {
    const port = /started successfully on port (\d+)/.exec(line)?.[1];
    if (port) {
      return port;
    }
  }
  throw new Error('chromedriver did not start');
}

async function post(url, body) {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  const { value } = await response.json();
  if (!response.ok) {
    throw new Error(value.message);
  }
  return value;
}
