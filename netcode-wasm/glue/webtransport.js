// Session with a bridge over WebTransport: HTTP/3 datagrams.

/** @typedef {import('../js/wasm/netcode_wasm.js').FailureCause} FailureCause */

/**
 * Most datagrams that the browser holds unsent. Above, datagrams are dropped: by the time that
 * these have left, they are too old for a game.
 */
const ROOM = 128;

/**
 * Datagrams that are handed to the browser before it has taken the first of them. There are ten
 * disconnect packets, and a page that is left has no time to hand over one after the other.
 */
const AT_ONCE = 16;

/** Length of a connection request, the first message of a session, which travels in one piece. */
const REQUEST_BYTES = 1078;

/**
 * Time to learn the length of the longest datagram, milliseconds. Firefox learns it some time after
 * a session is ready, and reports 1024 until then.
 */
const SIZING = 1000;

/** Interval of looks at that length, milliseconds. */
const SIZING_STEP = 5;

/**
 * Time for which a page that is left is held back, milliseconds. The browser's network process
 * learns of a page's end on another channel than that of its datagrams, and drops those that it has
 * not read by then.
 */
const LEAVING = 10;

export class WebTransportSession {
  /** @type {WebTransport | undefined} */
  #transport;
  /** @type {WritableStreamDefaultWriter | undefined} */
  #writer;
  /**
   * Dropped when the session ends or is closed: a promise that settles later calls nothing.
   * @type {{ opened: () => void, received: (message: Uint8Array) => void, failed: (cause: FailureCause, code: number, detail: string) => void } | undefined}
   */
  #callbacks;
  #pending = 0;
  #closing = false;
  #leaving = false;

  /**
   * @param {string} url
   * @param {Uint8Array<ArrayBuffer>} hashes any number of SHA-256, one behind the other
   * @param {() => void} opened
   * @param {(message: Uint8Array) => void} received
   * @param {(cause: FailureCause, code: number, detail: string) => void} failed
   */
  constructor(url, hashes, opened, received, failed) {
    this.#callbacks = { opened, received, failed };
    if (typeof WebTransport === 'undefined') {
      queueMicrotask(() => this.#fail('missing', 0, 'it needs a recent browser and a secure context'));
      return;
    }
    /** @type {WebTransportOptions} */
    const options = { requireUnreliable: true, congestionControl: 'low-latency' };
    if (hashes.length > 0) {
      options.serverCertificateHashes = [];
      for (let at = 0; at < hashes.length; at += 32) {
        const value = hashes.subarray(at, at + 32);
        options.serverCertificateHashes.push({ algorithm: 'sha-256', value });
      }
    }
    try {
      this.#transport = new WebTransport(url, options);
    } catch (error) {
      queueMicrotask(() => this.#fail('not-opened', 0, String(error)));
      return;
    }
    void this.#run(this.#transport);
  }

  limit() {
    return this.#transport?.datagrams.maxDatagramSize ?? 0;
  }

  /**
   * @param {Uint8Array} message a view of memory that is used again
   * @returns {boolean} `false`: the browser has no room, and the message is lost
   */
  send(message) {
    if (!this.#writer || this.#pending >= ROOM) {
      return false;
    }
    this.#pending += 1;
    // A write fails only with the session, whose end gives the reason.
    this.#writer.write(message.slice()).then(this.#written, this.#written);
    return true;
  }

  /** Prepares for the end of the page: whatever is sent from now on has to leave in this turn. */
  leave() {
    this.#leaving = true;
  }

  close() {
    this.#callbacks = undefined;
    this.#closing = true;
    if (this.#transport && !this.#leaving) {
      // A session that ends takes along what the browser has not sent yet. With room for one
      // datagram, a write is over when the one before has left.
      this.#transport.datagrams.outgoingHighWaterMark = 1;
    }
    if (this.#pending === 0) {
      this.#end();
    }
  }

  #written = () => {
    this.#pending -= 1;
    if (this.#closing && this.#pending === 0) {
      this.#end();
    }
  };

  #end() {
    const until = performance.now() + (this.#leaving ? LEAVING : 0);
    while (performance.now() < until);
    try {
      this.#transport?.close();
    } catch {
      // It has ended already.
    }
    this.#transport = undefined;
    this.#writer = undefined;
  }

  /** @param {WebTransport} transport */
  async #run(transport) {
    // Awaited below; until then its rejection is not unhandled.
    transport.closed.catch(() => {});
    try {
      await transport.ready;
    } catch (error) {
      this.#fail('not-opened', 0, String(error));
      return;
    }
    if (!(await carriesRequests(transport.datagrams))) {
      this.#fail('not-opened', 0, `datagrams have at most ${this.limit()} bytes`);
      this.close();
      return;
    }
    if (this.#callbacks) {
      transport.datagrams.outgoingHighWaterMark = AT_ONCE;
      this.#writer = writableOf(transport.datagrams).getWriter();
      this.#callbacks.opened();
      await this.#read(transport.datagrams.readable.getReader());
    }
    try {
      const { closeCode, reason } = await transport.closed;
      this.#fail('closed', closeCode ?? 0, reason ?? '');
    } catch (error) {
      this.#fail('lost', 0, String(error));
    }
  }

  /** @param {ReadableStreamDefaultReader<Uint8Array>} reader */
  async #read(reader) {
    while (this.#callbacks) {
      let result;
      try {
        result = await reader.read();
      } catch {
        return;
      }
      if (result.done) {
        return;
      }
      this.#callbacks?.received(result.value);
    }
  }

  /**
   * @param {FailureCause} cause
   * @param {number} code
   * @param {string} detail
   */
  #fail(cause, code, detail) {
    const callbacks = this.#callbacks;
    this.#callbacks = undefined;
    this.#writer = undefined;
    callbacks?.failed(cause, code, detail);
  }
}

/**
 * Waits until datagrams are long enough for a connection request.
 * @param {{ maxDatagramSize: number }} datagrams
 * @returns {Promise<boolean>} `false`: they are not, after all the time there is
 */
async function carriesRequests(datagrams) {
  const end = performance.now() + SIZING;
  while (datagrams.maxDatagramSize < REQUEST_BYTES) {
    if (performance.now() >= end) {
      return false;
    }
    await new Promise((resolve) => setTimeout(resolve, SIZING_STEP));
  }
  return true;
}

/**
 * Stream to which datagrams are written. Chromium has only the property, Safari only the method.
 * @param {{ writable?: WritableStream, createWritable?: () => WritableStream }} datagrams
 * @returns {WritableStream}
 */
function writableOf(datagrams) {
  const writable = datagrams.createWritable ? datagrams.createWritable() : datagrams.writable;
  return /** @type {WritableStream} */ (writable);
}
