// Projects that use the package, in folders of their own.

import { cp, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PACKAGE = process.env.NETCODE_PACKAGE;
const TOOLS = join(import.meta.dirname, '../node_modules');

/** Makes a project's folder with the package installed, and these files. */
export async function project(t, files) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'netcode-project-')));
  t.after(() => rm(folder, { recursive: true }));
  await cp(PACKAGE, join(folder, 'node_modules/netcode-wasm'), { recursive: true });
  await writeFiles(folder, { 'package.json': '{ "type": "module" }', ...files });
  return folder;
}

export async function writeFiles(folder, files) {
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), text);
  }
}

/** Installs packages that the tests have. */
export async function install(folder, names) {
  for (const name of names) {
    await symlink(join(TOOLS, name), join(folder, 'node_modules', name));
  }
}

/** A page that runs this script. */
export function pageOf(script) {
  return `<link rel="icon" href="data:,"><script type="module" src="${script}"></script>`;
}
