/**
 * Number of payloads that wait in an iterator. One more, and the oldest is dropped: in a game the
 * newest is worth most. `stats.payloadsUntaken` counts them.
 */
export const PAYLOADS_QUEUED = 256;

type Payload = Uint8Array<ArrayBuffer>;
type Result = IteratorResult<Payload, undefined>;

interface Reader {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** Payloads of one `for await`. */
export class PayloadQueue implements AsyncIterableIterator<Payload, undefined> {
  #payloads: Payload[] = [];
  #readers: Reader[] = [];
  #ended = false;
  #error: Error | null = null;
  #left: (queue: PayloadQueue) => void;
  /** Payloads that were dropped because they were not read. */
  dropped = 0;

  /** `left` is called when reading ends. */
  constructor(left: (queue: PayloadQueue) => void) {
    this.#left = left;
  }

  put(payload: Payload): void {
    const reader = this.#readers.shift();
    if (reader) {
      reader.resolve({ done: false, value: payload });
      return;
    }
    this.#payloads.push(payload);
    if (this.#payloads.length > PAYLOADS_QUEUED) {
      this.#payloads.shift();
      this.dropped += 1;
    }
  }

  /** Ends the queue: after the payloads that wait, the iterator ends or throws `error`. */
  end(error: Error | null): void {
    this.#ended = true;
    this.#error = error;
    for (const reader of this.#readers.splice(0)) {
      this.#finish(reader);
    }
  }

  next(): Promise<Result> {
    const value = this.#payloads.shift();
    if (value) {
      return Promise.resolve({ done: false, value });
    }
    return new Promise((resolve, reject) => {
      const reader = { resolve, reject };
      if (this.#ended) {
        this.#finish(reader);
      } else {
        this.#readers.push(reader);
      }
    });
  }

  return(): Promise<Result> {
    this.#payloads = [];
    this.end(null);
    this.#left(this);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Throws the error once; after that the iterator has ended. */
  #finish(reader: Reader): void {
    if (this.#error) {
      reader.reject(this.#error);
      this.#error = null;
    } else {
      reader.resolve({ done: true, value: undefined });
    }
  }
}
