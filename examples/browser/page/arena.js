// The arena: positions of the visitors, and the letters they pressed. Independent of the network.

const WHOLE = 65535;
const LETTER_MILLISECONDS = 1200;
const STEP = 0.03;

/** All visitors in the arena, drawn; and where the visitor wants to be. */
export class Arena {
  #canvas;
  #me = 255;
  #others = new Map();
  #letters = [];
  /** Position of the visitor, from 0 to 1. */
  #place = { x: 0.5, y: 0.5 };
  #onMove;

  constructor(canvas, { onMove, onKey }) {
    this.#canvas = canvas;
    this.#onMove = onMove;
    canvas.addEventListener('pointermove', (event) => this.#follow(event));
    canvas.addEventListener('pointerdown', (event) => this.#follow(event));
    document.addEventListener('keydown', (event) => this.#press(event, onKey));
    requestAnimationFrame((now) => this.#draw(now));
  }

  get place() {
    return { x: Math.round(this.#place.x * WHOLE), y: Math.round(this.#place.y * WHOLE) };
  }

  get count() {
    return this.#others.size;
  }

  /** The world as the server tells it: `you`, then `who · kind · x · y` for each. */
  update(world) {
    const view = new DataView(world.buffer, world.byteOffset, world.byteLength);
    this.#me = view.getUint8(0);
    this.#others.clear();
    for (let at = 1; at + 6 <= world.length; at += 6) {
      this.#others.set(view.getUint8(at), {
        desktop: view.getUint8(at + 1) === 1,
        x: view.getUint16(at + 2, true) / WHOLE,
        y: view.getUint16(at + 4, true) / WHOLE,
      });
    }
  }

  /** A visitor pressed a key. */
  showKey(who, key) {
    this.#letters.push({ who, key, at: performance.now() });
  }

  clear() {
    this.#others.clear();
    this.#letters = [];
  }

  #follow(event) {
    const box = this.#canvas.getBoundingClientRect();
    this.#moveTo((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  #press(event, onKey) {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) {
      return;
    }
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    if (step) {
      event.preventDefault();
      this.#moveTo(this.#place.x + step[0] * STEP, this.#place.y + step[1] * STEP);
    } else if ([...event.key].length === 1 && !event.ctrlKey && !event.metaKey) {
      this.showKey(this.#me, event.key);
      onKey(event.key);
    }
  }

  #moveTo(x, y) {
    const inside = (value) => Math.min(1, Math.max(0, value));
    this.#place = { x: inside(x), y: inside(y) };
    this.#onMove();
  }

  #draw(now) {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio;
    this.#canvas.width = width * scale;
    this.#canvas.height = height * scale;
    const pen = this.#canvas.getContext('2d');
    pen.scale(scale, scale);
    drawGrid(pen, width, height);
    for (const [who, other] of this.#others) {
      // One's own dot is where one is, not where the server saw it last.
      const place = who === this.#me ? this.#place : other;
      this.#drawOne(pen, who, other.desktop, place.x * width, place.y * height);
      if (who === this.#me) {
        drawRing(pen, who, other.x * width, other.y * height, [3, 3]);
      }
    }
    this.#drawLetters(pen, now, width, height);
    requestAnimationFrame((next) => this.#draw(next));
  }

  #drawOne(pen, who, desktop, x, y) {
    pen.fillStyle = colour(who);
    pen.beginPath();
    if (desktop) {
      pen.rect(x - 7, y - 7, 14, 14);
    } else {
      pen.arc(x, y, 8, 0, 2 * Math.PI);
    }
    pen.fill();
    if (who === this.#me) {
      drawRing(pen, who, x, y, []);
    }
    pen.font = '12px system-ui, sans-serif';
    pen.textAlign = 'center';
    pen.fillText(who === this.#me ? 'you' : desktop ? 'desktop' : 'browser', x, y + 28);
  }

  #drawLetters(pen, now, width, height) {
    this.#letters = this.#letters.filter((letter) => now - letter.at < LETTER_MILLISECONDS);
    pen.font = '600 20px system-ui, sans-serif';
    pen.textAlign = 'center';
    for (const { who, key, at } of this.#letters) {
      const place = who === this.#me ? this.#place : this.#others.get(who);
      if (place) {
        const age = (now - at) / LETTER_MILLISECONDS;
        pen.globalAlpha = Math.min(1, Math.max(0, 1 - age));
        pen.fillStyle = colour(who);
        pen.fillText(key, place.x * width, place.y * height - 18 - 30 * age);
      }
    }
    pen.globalAlpha = 1;
  }
}

function drawGrid(pen, width, height) {
  pen.strokeStyle = 'rgb(128 128 128 / 15%)';
  pen.lineWidth = 1;
  pen.beginPath();
  for (let line = 1; line < 12; line += 1) {
    const [x, y] = [Math.round((line / 12) * width), Math.round((line / 9) * height)];
    pen.moveTo(x + 0.5, 0);
    pen.lineTo(x + 0.5, height);
    pen.moveTo(0, y + 0.5);
    pen.lineTo(width, y + 0.5);
  }
  pen.stroke();
}

function drawRing(pen, who, x, y, dashes) {
  pen.strokeStyle = colour(who);
  pen.lineWidth = 2;
  pen.setLineDash(dashes);
  pen.beginPath();
  pen.arc(x, y, 13, 0, 2 * Math.PI);
  pen.stroke();
  pen.setLineDash([]);
}

function colour(who) {
  return `hsl(${(who * 67 + 210) % 360} 70% 55%)`;
}
