// Test clients of a page or a worker, by id, with the events of each.

import { NetcodeClient, load } from '/package/dist/index.js';

/** @param {string} text */
function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** An error as a plain object for the test. */
export function describe(error) {
  if (!error) {
    return null;
  }
  const { name, code, message, state, closeCode, transport, cause } = error;
  return { name, code, message, state, closeCode, transport, cause: describe(cause) };
}

/** Number `number` of the payloads of this length: its number, then bytes that follow from it. */
function payload(number, length) {
  const bytes = new Uint8Array(length);
  let seed = number;
  for (let at = 0; at < length; at += 1) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    bytes[at] = at < 2 ? number >>> (8 * at) : seed >>> 24;
  }
  return bytes;
}

/** Number of a payload of this length, or -1 if any byte differs. */
function numberOf(bytes, length) {
  const number = (bytes[0] ?? 0) + (bytes[1] ?? 0) * 256;
  const expected = payload(number, length);
  const same = bytes.length === length && bytes.every((byte, at) => byte === expected[at]);
  return same ? number : -1;
}

/** Silence after which the payloads in flight are sent again, milliseconds. */
const PATIENCE = 300;

export class TestClients {
  #clients = new Map();

  /** Connects client `id`; returns its state, or the error. */
  async connect(id, token, options) {
    const states = [];
    try {
      const client = await NetcodeClient.connect(fromBase64(token), options);
      const entry = { client, states, closed: this.#closed(client), payloads: [] };
      client.addEventListener('statechange', (event) => states.push(event.state));
      client.addEventListener('payload', (event) => entry.payloads.push(event.data));
      this.#clients.set(id, entry);
      const { state, transport, maxPayload, fallback } = client;
      return { state, transport, maxPayload, fallback: describe(fallback) };
    } catch (error) {
      return { error: describe(error) };
    }
  }

  #closed(client) {
    return new Promise((resolve) => {
      client.addEventListener('close', ({ reason, error }) => {
        const { state, stats } = client;
        resolve({ reason, error: describe(error), state, stats });
      });
    });
  }

  /** Connects client `id`, and aborts at a stage: `before`, `opening` or `connected`. */
  async abort(id, token, options, stage) {
    const controller = new AbortController();
    const abort = () => controller.abort(new Error(`aborted ${stage}`));
    if (stage === 'before') {
      abort();
    }
    const connecting = this.connect(id, token, { ...options, signal: controller.signal });
    if (stage === 'opening') {
      // A turn of the event loop later the module is at work, and nothing has come back yet.
      await after(0);
      abort();
    }
    const connected = await connecting;
    if (stage !== 'connected') {
      return connected.error.message;
    }
    abort();
    return (await this.closed(id)).reason;
  }

  /** The code of the error for a payload of `length` bytes, or `null`. */
  refusal(id, length) {
    try {
      this.client(id).send(new Uint8Array(length));
      return null;
    } catch (error) {
      return describe(error).code;
    }
  }

  client(id) {
    return this.#clients.get(id).client;
  }

  /** Waits for the client's end. */
  closed(id) {
    return this.#clients.get(id).closed;
  }

  close(id) {
    this.client(id).close();
    return this.closed(id);
  }

  send(id, text) {
    this.client(id).send(new TextEncoder().encode(text));
  }

  /** The next payload, as text. */
  async text(id) {
    const entry = this.#clients.get(id);
    if (entry.payloads.length === 0) {
      await new Promise((resolve) => {
        entry.client.addEventListener('payload', resolve, { once: true });
      });
    }
    return new TextDecoder().decode(entry.payloads.shift());
  }

  /**
   * Sends payloads 0 to `count` of `length` bytes to a server that echoes, `window` at a time, and
   * checks every byte that comes back. What the network loses is sent again.
   */
  async echo(id, count, length, window) {
    const client = this.client(id);
    const payloads = client[Symbol.asyncIterator]();
    const result = { sent: 0, received: 0, wrong: 0, again: 0 };
    const underWay = [];
    const send = (number) => {
      client.send(payload(number, length));
      underWay.push(number);
      result.sent += 1;
    };
    let next = 0;
    let reading = payloads.next();
    while (result.received < count) {
      while (underWay.length < window && next < count) {
        send(next++);
      }
      const read = await Promise.race([reading, after(PATIENCE)]);
      if (!read) {
        result.again += underWay.length;
        underWay.splice(0).forEach(send);
        continue;
      }
      reading = payloads.next();
      // A payload of one byte has a number of one byte.
      const number = numberOf(read.value, length);
      const place = underWay.findIndex((it) => (length === 1 ? it % 256 : it) === number);
      if (place >= 0) {
        underWay.splice(place, 1);
        result.received += 1;
      } else if (result.again === 0) {
        result.wrong += 1;
      }
    }
    await payloads.return();
    return result;
  }

  /** Connects and closes, `count` times, one after the other. */
  async churn(tokens, options) {
    for (const token of tokens) {
      const client = await NetcodeClient.connect(fromBase64(token), options);
      const closed = this.#closed(client);
      client.close();
      await closed;
    }
  }
}

function after(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export { load };
