// Session with a bridge over WebRTC: an unordered data channel without retransmission.

/** @typedef {import('../js/wasm/netcode_wasm.js').FailureCause} FailureCause */

/**
 * Most bytes that the browser holds unsent. Above, messages are dropped: by the time that these
 * have left, they are too old for a game.
 */
const ROOM_BYTES = 128 * 1225;

/** Time for a channel to send what it holds and close, milliseconds. */
const CLOSING = 1000;

export class WebRtcSession {
  /** @type {RTCPeerConnection | undefined} */
  #peer;
  /** @type {RTCDataChannel | undefined} */
  #channel;
  /**
   * Dropped when the session ends or is closed: a promise that settles later calls nothing.
   * @type {{ opened: () => void, received: (message: Uint8Array) => void, failed: (cause: FailureCause, code: number, detail: string) => void } | undefined}
   */
  #callbacks;
  #posting = new AbortController();

  /**
   * @param {string} url where the offer is posted
   * @param {string} label
   * @param {() => void} opened
   * @param {(message: Uint8Array) => void} received
   * @param {(cause: FailureCause, code: number, detail: string) => void} failed
   */
  constructor(url, label, opened, received, failed) {
    this.#callbacks = { opened, received, failed };
    if (typeof RTCPeerConnection === 'undefined') {
      queueMicrotask(() => this.#fail('missing', 0, 'workers and some browsers do not have it'));
      return;
    }
    try {
      this.#peer = new RTCPeerConnection();
      this.#channel = this.#peer.createDataChannel(label, { ordered: false, maxRetransmits: 0 });
    } catch (error) {
      queueMicrotask(() => this.#fail('not-opened', 0, String(error)));
      return;
    }
    this.#listen(this.#peer, this.#channel);
    void this.#negotiate(this.#peer, url);
  }

  /**
   * @param {Uint8Array} message a view of memory that is used again
   * @returns {boolean} `false`: the browser has no room, and the message is lost
   */
  send(message) {
    const channel = this.#channel;
    if (channel?.readyState !== 'open' || channel.bufferedAmount > ROOM_BYTES) {
      return false;
    }
    try {
      // A copy, because channels take no view of memory that threads share.
      channel.send(message.slice());
    } catch {
      return false;
    }
    return true;
  }

  close() {
    this.#callbacks = undefined;
    this.#posting.abort();
    const peer = this.#peer;
    const channel = this.#channel;
    this.#peer = undefined;
    this.#channel = undefined;
    if (!peer || channel?.readyState !== 'open') {
      peer?.close();
      return;
    }
    // A channel sends what it holds before it closes; a peer does not.
    const timer = setTimeout(() => peer.close(), CLOSING);
    channel.onclose = () => {
      clearTimeout(timer);
      peer.close();
    };
    channel.close();
  }

  /**
   * @param {RTCPeerConnection} peer
   * @param {RTCDataChannel} channel
   */
  #listen(peer, channel) {
    let wasOpen = false;
    channel.binaryType = 'arraybuffer';
    channel.onopen = () => {
      wasOpen = true;
      this.#callbacks?.opened();
    };
    channel.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) {
        this.#callbacks?.received(new Uint8Array(data));
      }
    };
    channel.onclose = () => this.#fail('closed', 0, 'the data channel was closed');
    peer.onconnectionstatechange = () => {
      if (peer.connectionState === 'failed') {
        this.#fail(wasOpen ? 'lost' : 'not-opened', 0, 'the peer connection failed');
      }
    };
  }

  /**
   * @param {RTCPeerConnection} peer
   * @param {string} url
   */
  async #negotiate(peer, url) {
    try {
      await peer.setLocalDescription();
      // The bridge learns this peer's address from its packets: no candidate has to be waited for.
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/sdp' },
        body: peer.localDescription?.sdp,
        credentials: 'omit',
        signal: this.#posting.signal,
      });
      const answer = await response.text();
      if (!response.ok) {
        this.#refused(response.status, answer);
        return;
      }
      if (this.#callbacks) {
        await peer.setRemoteDescription({ type: 'answer', sdp: answer });
      }
    } catch (error) {
      this.#fail('signalling-failed', 0, String(error));
    }
  }

  /**
   * @param {number} status
   * @param {string} body
   */
  #refused(status, body) {
    try {
      const { code, reason } = JSON.parse(body);
      if (Number.isInteger(code) && code > 0) {
        this.#fail('closed', code, String(reason ?? ''));
        return;
      }
    } catch {
      // The response is not the bridge's: it has no code.
    }
    this.#fail('signalling-failed', 0, `HTTP status ${status}`);
  }

  /**
   * @param {FailureCause} cause
   * @param {number} code
   * @param {string} detail
   */
  #fail(cause, code, detail) {
    const callbacks = this.#callbacks;
    this.close();
    callbacks?.failed(cause, code, detail);
  }
}
