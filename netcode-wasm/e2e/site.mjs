// A page at an origin of its own, and a browser that shows it.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

import { chromium } from 'playwright-core';

const PACKAGE = process.env.NETCODE_PACKAGE;
const PAGE = join(import.meta.dirname, 'page');

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
};

/** Serves the package at `/package/`, and at `/` the page or another folder. */
export class Site {
  #server;

  static async open(folder = PAGE, headers = {}) {
    const site = new Site();
    site.#server = createServer((request, response) => {
      response.setHeaders(new Map(Object.entries(headers)));
      return serve(folder, request, response);
    });
    await new Promise((resolve) => site.#server.listen(0, '127.0.0.1', resolve));
    site.origin = `http://127.0.0.1:${site.#server.address().port}`;
    return site;
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

async function serve(folder, request, response) {
  const path = normalize(new URL(request.url, 'http://site').pathname);
  const file = path.startsWith('/package/')
    ? join(PACKAGE, path.slice('/package/'.length))
    : join(folder, path === '/' ? 'index.html' : path);
  try {
    const body = await readFile(file);
    response.setHeader('Content-Type', TYPES[extname(file)] ?? 'application/octet-stream');
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}

export const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

export const ARGUMENTS = [
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Machines of tests may have no interface but loopback.
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

export function launch(more = {}) {
  return chromium.launch({
    executablePath: EXECUTABLE,
    headless: true,
    chromiumSandbox: false,
    args: ARGUMENTS,
    ...more,
  });
}

/** A tab with the page, ready, and everything it says on its console in `said`. */
export async function openTab(browser, site) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript(keepModule);
  page.said = [];
  page.on('console', (message) => page.said.push(message.text()));
  page.on('pageerror', (error) => page.said.push(String(error)));
  await page.goto(site.origin);
  await page.waitForFunction(() => document.title === 'ready');
  return page;
}

/** Keeps what the module exports where tests can look at it. */
function keepModule() {
  const { instantiateStreaming } = WebAssembly;
  WebAssembly.instantiateStreaming = async (...args) => {
    const result = await instantiateStreaming(...args);
    globalThis.netcodeModule = result.instance.exports;
    return result;
  };
}
