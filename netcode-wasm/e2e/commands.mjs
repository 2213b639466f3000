// The `netcode` command and other programs: started, listened to, ended.

import { spawn, execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const BINARIES = process.env.NETCODE_BINARIES;

/**
 * A program that prints one JSON object on each line: events on standard output, or its log on
 * standard error. A line of text is an object with a message.
 */
export class Program {
  #process;
  #objects = [];
  #said = () => {};
  #ended;

  constructor(name, words, stream = 'stdout') {
    const stdio = stream === 'stdout' ? ['pipe', 'pipe', 'inherit'] : ['pipe', 'inherit', 'pipe'];
    this.#process = spawn(join(BINARIES, name), words, { stdio });
    // Always read: a program whose pipe is full blocks.
    createInterface({ input: this.#process[stream] })
      .on('line', (line) => {
        this.#objects.push(line.startsWith('{') ? JSON.parse(line) : { message: line });
        this.#said();
      })
      .on('close', () => {
        this.#objects.push(undefined);
        this.#said();
      });
    this.#ended = new Promise((resolve) => this.#process.once('exit', resolve));
  }

  /** The next object whose `event` is this, or whose message in a log begins so. */
  async event(name) {
    for (;;) {
      while (this.#objects.length === 0) {
        await new Promise((resolve) => {
          this.#said = resolve;
        });
      }
      const object = this.#objects[0];
      if (object === undefined) {
        throw new Error(`the program ended before it said ${name}`);
      }
      this.#objects.shift();
      if (object.event === name || object.message?.startsWith(name)) {
        return object;
      }
    }
  }

  write(line) {
    this.#process.stdin.write(`${line}\n`);
  }

  /** Sends a signal; waits for the end. */
  async end(signal = 'SIGTERM') {
    this.#process.kill(signal);
    await this.#ended;
  }
}

/** A folder with a private key, and the programs that share it. */
export class World {
  #folder;
  #protocolId;
  #programs = [];
  #nextId = 1;

  static async create(protocolId = '42') {
    const world = new World();
    world.#protocolId = protocolId;
    world.#folder = await mkdtemp(join(tmpdir(), 'netcode-wasm-'));
    await world.#run(['keygen', '--out', world.#path('game.key')]);
    return world;
  }

  get keyFile() {
    return this.#path('game.key');
  }

  #path(name) {
    return join(this.#folder, name);
  }

  async #run(words) {
    await promisify(execFile)(join(BINARIES, 'netcode'), words);
  }

  start(name, words, stream) {
    const program = new Program(name, words, stream);
    this.#programs.push(program);
    return program;
  }

  /** A server; `address` is where it listens. */
  async server(...words) {
    const common = ['--key', this.keyFile, '--protocol-id', this.#protocolId];
    const log = ['--log-format', 'json'];
    // The key is as new as the server; and all browsers come from the bridge's address.
    const rules = ['--max-token-lifetime', 'off', '--shared-address'];
    const all = ['server', ...common, ...log, ...rules, '--bind', '127.0.0.1:0', ...words];
    const server = this.start('netcode', all, 'stderr');
    const { bound } = await server.event('server started');
    server.address = bound.slice(1, -1);
    return server;
  }

  /** A matchmaker with one device, and a key for the servers that report to it. */
  async matchmaker({ id, publicKey, sealerKey }) {
    const [apiKey, credentials, sealer] = ['eu.api', 'keys.toml', 'sealer.key'].map((name) =>
      this.#path(name),
    );
    const draw = ['key', '--name', 'eu', '--role', 'server', '--out', apiKey];
    const { stdout: entry } = await promisify(execFile)(join(BINARIES, 'matchmaker'), draw);
    const device = `[[device]]\nid = ${id}\npublic_key = "${publicKey}"\n`;
    await writeFile(credentials, entry + device);
    await writeFile(sealer, sealerKey, { mode: 0o600 });
    const keys = ['--key', this.keyFile, '--sealer-key', sealer, '--credentials', credentials];
    const state = ['--store', this.#path('state'), '--protocol-id', this.#protocolId];
    const all = ['serve', '--listen', '127.0.0.1:0', ...keys, ...state, '--log', 'error'];
    const matchmaker = this.start('matchmaker', all);
    const { message } = await matchmaker.event('listening on ');
    const [, url, address] = /(http:..(.*))$/.exec(message);
    matchmaker.address = address;
    const member = ['--matchmaker', url, '--api-key', apiKey, '--server-name'];
    matchmaker.member = (name) => [...member, name];
    return matchmaker;
  }

  /** A bridge to these servers; `options` are what a page needs to reach it. */
  async bridge(servers, ...words) {
    const allow = servers.flatMap((server) => ['--allow', server.address ?? server]);
    const listen = ['--rtc-listen', '127.0.0.1:0', '--plain-http'];
    if (!words.includes('--listen')) {
      listen.push('--listen', '127.0.0.1:0');
    }
    const limits = ['--max-sessions-per-address', '1000', '--datagrams-per-second', '100000'];
    const bytes = ['--bytes-per-second', '100000000', '--drain', '0'];
    // One that comes back has the hash that the page knows.
    const certificate = ['--development-certificate', this.#path('bridge.pem')];
    const common = [...allow, ...listen, ...limits, ...bytes, ...certificate];
    const all = [...common, '--log-format', 'json', ...words];
    const bridge = this.start('netcode-bridge', all, 'stderr');
    const told = await bridge.event('listening');
    bridge.listening = told;
    bridge.options = (transport) => ({
      bridge: {
        webtransport: `https://${told.webtransport}`,
        webrtc: `http://${told.webrtc_offers}`,
      },
      certificateHashes: [told.certificate_hash],
      transport,
    });
    return bridge;
  }

  /** A bridge that can come back to where it was: its one port is its own, for UDP and for TCP. */
  async bridgeAtOnePort(servers) {
    for (let attempt = 1; ; attempt += 1) {
      const scout = await this.bridge(servers);
      await scout.end('SIGKILL');
      try {
        return await this.bridge(servers, '--listen', scout.listening.webtransport);
      } catch (error) {
        // A port that was free for UDP may be taken for TCP: try another.
        if (attempt === 5) {
          throw error;
        }
      }
    }
  }

  /** A token for a client of its own, as base64 text. */
  async token(servers, ...words) {
    return (await readFile(await this.tokenFile(servers, ...words))).toString('base64');
  }

  /** The same as a file of its own. `words` may name another client. */
  async tokenFile(servers, ...words) {
    const id = String(this.#nextId);
    this.#nextId += 1;
    const out = this.#path(`${id}.token`);
    const named = servers.flatMap((server) => ['--server', server.address ?? server]);
    const common = ['--key', this.keyFile, '--protocol-id', this.#protocolId];
    const client = words.includes('--client-id') ? [] : ['--client-id', id];
    await this.#run(['token', 'mint', ...common, ...client, ...named, '--out', out, ...words]);
    return out;
  }

  /** Ends everything. */
  async end() {
    await Promise.all(this.#programs.map((program) => program.end('SIGKILL')));
    await rm(this.#folder, { recursive: true });
  }
}
