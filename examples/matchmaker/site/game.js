// The game: a session with a dedicated server, drawn by the arena of the example for browsers.

import { NetcodeClient } from './netcode-wasm/dist/index.js';
import { Arena } from './arena.js';

// First bytes of payloads: see examples/browser/src/messages.rs.
const PLACE = 1;
const KEY = 3;

/** A game that can be joined and left. */
export class Game {
  #arena;
  #client = null;
  #onState;
  #onEnd;

  constructor(canvas, { onState, onEnd }) {
    this.#onState = onState;
    this.#onEnd = onEnd;
    this.#arena = new Arena(canvas, {
      onMove: () => this.#sendPlace(),
      onKey: (key) => this.#send(KEY, new TextEncoder().encode(key)),
    });
  }

  get isJoined() {
    return this.#client !== null;
  }

  /** Joins the server of a token. */
  async join(token, options, server) {
    const client = await NetcodeClient.connect(token, options);
    this.#client = client;
    client.addEventListener('payload', ({ data }) => this.#receive(data));
    client.addEventListener('close', ({ error }) => this.#end(error));
    this.#onState('connected', `${server} over ${client.transport}`);
    this.#sendPlace();
  }

  leave() {
    this.#client?.close();
    this.#client = null;
    this.#arena.clear();
  }

  #end(error) {
    if (this.#client) {
      this.#client = null;
      this.#arena.clear();
      this.#onEnd(error);
    }
  }

  #receive(payload) {
    const body = payload.subarray(1);
    if (payload[0] === PLACE) {
      this.#arena.update(body);
    } else if (payload[0] === KEY) {
      this.#arena.showKey(body[0], new TextDecoder().decode(body.subarray(1)));
    }
  }

  #sendPlace() {
    const { x, y } = this.#arena.place;
    const body = new DataView(new ArrayBuffer(4));
    body.setUint16(0, x, true);
    body.setUint16(2, y, true);
    this.#send(PLACE, new Uint8Array(body.buffer));
  }

  #send(kind, body) {
    if (this.#client?.state === 'connected') {
      this.#client.send(Uint8Array.of(kind, ...body));
    }
  }
}
