// Common fixture of the test files: a world of programs, a site, a browser.

import { after, before } from 'node:test';

import { World } from './commands.mjs';
import { launch, openTab, Site } from './site.mjs';

export const TRANSPORTS = ['webtransport', 'webrtc'];

/**
 * Sets a stage up before a file's tests, `more` of it at last, and takes it down after them. Its
 * programs speak of `protocolId`, if that matters.
 */
export function setStage(more = () => {}, protocolId = undefined) {
  const stage = {};
  before(async () => {
    const [world, site, browser] = await Promise.all([
      World.create(protocolId),
      Site.open(),
      launch(),
    ]);
    Object.assign(stage, { world, site, browser });
    stage.page = await openTab(browser, site);
    await more(stage);
  });
  after(async () => {
    await stage.browser?.close();
    stage.site?.close();
    await stage.world?.end();
  });
  return stage;
}

/** Calls a method of a page's test clients. */
export function call(page, name, ...args) {
  return page.evaluate(([name, args]) => clients[name](...args), [name, args]);
}
