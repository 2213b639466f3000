// Round trips, loss and throughput, measured by payloads that the server sends back.

/** An echo that has not come back after so long counts as lost, milliseconds. */
const PATIENCE = 1000;
/** Loss and throughput are those of the last so many milliseconds. */
const WINDOW = 3000;
const GRAPH_POINTS = 120;

/** Sends echoes at a rate, and measures what comes of them. */
export class Meters {
  #waiting = new Map();
  #settled = [];
  #trips = [];
  #next = 0;
  #due = performance.now();
  #before = null;

  /** The bodies of the echoes that are due at `now`. */
  take(now, rate, size) {
    const bodies = [];
    // After a pause only the present is measured.
    this.#due = Math.max(this.#due, now - 250);
    while (this.#due <= now) {
      this.#due += 1000 / rate;
      bodies.push(this.#body(now, size));
    }
    return bodies;
  }

  #body(now, size) {
    const body = new Uint8Array(size - 1);
    new DataView(body.buffer).setUint32(0, this.#next, true);
    this.#waiting.set(this.#next, now);
    this.#next = (this.#next + 1) >>> 0;
    return body;
  }

  /** An echo came back. */
  returned(now, body) {
    const number = new DataView(body.buffer, body.byteOffset).getUint32(0, true);
    const sent = this.#waiting.get(number);
    if (sent === undefined) {
      return;
    }
    this.#waiting.delete(number);
    this.#settled.push({ at: now, lost: false });
    this.#trips.push(now - sent);
    this.#trips.splice(0, this.#trips.length - GRAPH_POINTS);
  }

  /** Figures to show at `now`, from the client's counters. */
  read(now, stats) {
    for (const [number, sent] of this.#waiting) {
      if (now - sent > PATIENCE) {
        this.#waiting.delete(number);
        this.#settled.push({ at: now, lost: true });
      }
    }
    this.#settled = this.#settled.filter(({ at }) => now - at < WINDOW);
    const lost = this.#settled.filter(({ lost }) => lost).length;
    return {
      roundTrip: median(this.#trips.slice(-20)),
      loss: this.#settled.length ? lost / this.#settled.length : null,
      ...this.#throughput(now, stats),
    };
  }

  #throughput(now, stats) {
    const before = this.#before;
    this.#before = { now, stats };
    if (!before || !stats || !before.stats || now === before.now) {
      return { sent: null, received: null };
    }
    const perSecond = (name) => ((stats[name] - before.stats[name]) * 1000) / (now - before.now);
    return {
      sent: { payloads: perSecond('payloadsSent'), bytes: perSecond('bytesSent') },
      received: { payloads: perSecond('payloadsReceived'), bytes: perSecond('bytesReceived') },
    };
  }

  /** Draws the round trips of the last echoes. */
  draw(canvas) {
    const { clientWidth: width, clientHeight: height } = canvas;
    canvas.width = width * devicePixelRatio;
    canvas.height = height * devicePixelRatio;
    const pen = canvas.getContext('2d');
    pen.scale(devicePixelRatio, devicePixelRatio);
    const top = axisTop(Math.max(...this.#trips, 1));
    const left = 34;
    const y = (trip) => height - 8 - (trip / top) * (height - 16);
    this.#drawAxis(pen, [0, top / 2, top], left, width, y);
    pen.strokeStyle = getComputedStyle(canvas).color;
    pen.lineWidth = 1.5;
    pen.beginPath();
    this.#trips.forEach((trip, index) => {
      pen.lineTo(left + (index / (GRAPH_POINTS - 1)) * (width - left), y(trip));
    });
    pen.stroke();
  }

  #drawAxis(pen, values, left, right, y) {
    pen.font = '11px system-ui, sans-serif';
    pen.textAlign = 'right';
    pen.textBaseline = 'middle';
    pen.fillStyle = pen.strokeStyle = 'gray';
    pen.lineWidth = 0.5;
    for (const value of values) {
      pen.fillText(String(value), left - 6, y(value));
      pen.beginPath();
      pen.moveTo(left, y(value));
      pen.lineTo(right, y(value));
      pen.stroke();
    }
  }
}

/** End of an axis that reaches `highest`: 1, 2 or 5, times a power of ten. */
function axisTop(highest) {
  const power = 10 ** Math.floor(Math.log10(highest));
  return [1, 2, 5, 10].map((digit) => digit * power).find((end) => end >= highest);
}

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : null;
}
