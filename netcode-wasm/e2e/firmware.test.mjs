// A microcontroller, as QEMU plays it, in one game with a tab and a desktop, at a server that a
// matchmaker sent it to.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';

import { call, setStage, TRANSPORTS } from './stage.mjs';

// As in examples/firmware: the sensor's protocol id, and the backend's example key.
const PROTOCOL_ID = '0x53656e73';
const BACKEND_KEY = Buffer.from('example backend key, no secret..').toString('hex');

const stage = setStage(undefined, PROTOCOL_ID);

/** A sensor on its board, in a folder of its own, which has the address of its backend. */
class Sensor {
  #folder;
  #board;
  #said = [];
  #heard = () => {};

  static async boot() {
    const sensor = new Sensor();
    sensor.#folder = await mkdtemp(join(tmpdir(), 'netcode-sensor-'));
    const elf = join(process.env.NETCODE_FIRMWARE, 'lm3s6965evb', 'sensor');
    // The board shares the host's loopback network: it dials the address its token names.
    const card = 'user,model=stellaris,net=127.0.0.0/24,host=127.0.0.1,dhcpstart=127.0.0.15';
    const none = ['-display', 'none', '-monitor', 'none', '-serial', 'null'];
    const host = ['-semihosting-config', 'enable=on,target=native'];
    const words = ['-M', 'lm3s6965evb', ...none, ...host, '-nic', card, '-kernel', elf];
    sensor.#board = spawn('qemu-system-arm', words, {
      cwd: sensor.#folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const output of [sensor.#board.stdout, sensor.#board.stderr]) {
      createInterface({ input: output }).on('line', (line) => {
        sensor.#said.push(line);
        sensor.#heard();
      });
    }
    return sensor;
  }

  /** Waits until it says something like this; gives the match. */
  async says(pattern) {
    for (;;) {
      const match = this.#said.map((line) => line.match(pattern)).find((match) => match);
      if (match) {
        return match;
      }
      await new Promise((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  /** Tells it where its backend is: it fetches a token there. */
  async findsBackend(address) {
    const [unfinished, file] = ['unfinished', 'backend.address'].map((name) =>
      join(this.#folder, name),
    );
    // Renamed into place, so that the board never reads half a file.
    await writeFile(unfinished, address);
    await rename(unfinished, file);
  }

  async end() {
    this.#board.kill('SIGKILL');
    await rm(this.#folder, { recursive: true });
  }
}

let sensor;

before(async () => {
  sensor = await Sensor.boot();
});
after(() => sensor?.end());

test('a board, a desktop and tabs of both transports exchange payloads through one server', async () => {
  const { world, page } = stage;
  const [, publicKey] = await sensor.says(/device key ([0-9a-f]{64})/);
  const matchmaker = await world.matchmaker({ id: 7, publicKey, sealerKey: BACKEND_KEY });
  const server = await world.server('--relay', ...matchmaker.member('eu-1'));
  await server.event('registered');
  const bridge = await world.bridge([server]);
  await sensor.findsBackend(matchmaker.address);
  await sensor.says(/sensor: connected/);
  const token = await world.tokenFile([server]);
  const desktop = world.start('netcode', ['client', token, '--stdin', '--json']);

  for (const transport of TRANSPORTS) {
    const options = bridge.options(transport);
    const connected = await call(page, 'connect', transport, await world.token([server]), options);
    assert.equal(connected.state, 'connected');
    // A reading: a one, a count, the reading.
    const reading = await call(page, 'text', transport);
    assert.equal(reading.charCodeAt(0), 1);
  }
  const isReading = ({ bytes }) => bytes.startsWith('01') && bytes.length === 18;
  while (!isReading(await desktop.event('payload'))) {
    // A payload of another kind.
  }

  // A two and two bytes: blink with this period.
  await call(page, 'send', 'webtransport', '\u0002\u0064\u0000');
  await sensor.says(/blink period 100 ms/);
  // A three: send this back. Only the sender receives it, from the board.
  await call(page, 'send', 'webrtc', '\u0003to the board');
  for (let text = ''; text !== '\u0003to the board'; ) {
    text = await call(page, 'text', 'webrtc');
  }
  for (const transport of TRANSPORTS) {
    await call(page, 'close', transport);
  }
});
