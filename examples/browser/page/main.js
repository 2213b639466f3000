// The page: connects, shows what happens, says what is wrong.

import { NetcodeClient } from './netcode-wasm/dist/index.js';
import { Arena } from './arena.js';
import { Meters } from './meters.js';

// First bytes of payloads: see messages.rs.
const PLACE = 1;
const ECHO = 2;
const KEY = 3;

const element = (id) => document.getElementById(id);
const arena = new Arena(element('arena'), { onMove: sendPlace, onKey: sendKey });
let meters = new Meters();
/** The visitor's number, kept when the tab is loaded again: the server sees the same client. */
const visitor = Number((sessionStorage.visitor ??= crypto.getRandomValues(new Uint32Array(1))[0]));

const TRANSPORTS = { webtransport: 'WebTransport', webrtc: 'WebRTC' };

/** The client that is connected, or is connecting. */
let client = null;
let attempt = null;
/** `true` to connect again as soon as the client, or the attempt, has ended. */
let again = false;

async function connect() {
  attempt = new AbortController();
  const { signal } = attempt;
  say('');
  show('opening');
  try {
    const { token, ...options } = await getToken(signal);
    const bytes = Uint8Array.from(atob(token), (letter) => letter.charCodeAt(0));
    const transport = element('transport').value;
    adopt(await NetcodeClient.connect(bytes, { ...options, transport, signal }));
  } catch (error) {
    attempt = null;
    if (signal.aborted) {
      show('disconnected');
    } else {
      fail(error);
    }
    connectAgain();
  }
}

/** Ends what there is, and connects anew. */
function reconnect() {
  again = true;
  if (client) {
    client.close();
  } else {
    attempt.abort();
  }
}

function connectAgain() {
  if (again) {
    again = false;
    connect();
  }
}

async function getToken(signal) {
  const headers = { 'Content-Type': 'application/json' };
  const request = { method: 'POST', headers, body: JSON.stringify({ visitor }), signal };
  const response = await fetch('token', request).catch((cause) => {
    throw new Error('no token: the backend does not answer', { cause });
  });
  if (!response.ok) {
    throw new Error(`no token: the backend answered ${response.status}`);
  }
  return response.json();
}

function adopt(connected) {
  client = connected;
  meters = new Meters();
  show('connected');
  say(
    client.fallback
      ? `WebRTC in the place of WebTransport: ${client.fallback.message}.`
      : 'Encrypted from this tab to the server: the bridge forwards datagrams and has no key. ' +
          `Payloads up to ${client.maxPayload} bytes travel in one piece.`,
  );
  client.addEventListener('payload', ({ data }) => receive(data));
  client.addEventListener('statechange', ({ state }) => show(state));
  client.addEventListener('close', ({ reason, error }) => leave(reason, error));
  sendPlace();
}

function receive(payload) {
  const body = payload.subarray(1);
  switch (payload[0]) {
    case PLACE:
      arena.update(body);
      break;
    case ECHO:
      meters.returned(performance.now(), body);
      break;
    case KEY:
      arena.showKey(body[0], new TextDecoder().decode(body.subarray(1)));
      break;
  }
}

function leave(reason, error) {
  client = null;
  attempt = null;
  arena.clear();
  if (error) {
    fail(error);
  } else {
    show('disconnected');
    say(reason === 'server' ? 'The server ended the connection.' : '');
  }
  connectAgain();
}

function send(kind, body) {
  if (client?.state !== 'connected') {
    return;
  }
  const payload = new Uint8Array(1 + body.length);
  payload[0] = kind;
  payload.set(body, 1);
  client.send(payload);
}

function sendPlace() {
  const { x, y } = arena.place;
  const body = new DataView(new ArrayBuffer(4));
  body.setUint16(0, x, true);
  body.setUint16(2, y, true);
  send(PLACE, new Uint8Array(body.buffer));
}

function sendKey(key) {
  send(KEY, new TextEncoder().encode(key));
}

function show(state) {
  const pill = element('state');
  pill.dataset.state = state;
  pill.textContent = state.replaceAll('-', ' ');
  pill.parentElement.dataset.state = state;
  element('hop').textContent = client ? TRANSPORTS[client.transport] : '…';
  element('connect').textContent = attempt || client ? 'Disconnect' : 'Connect';
}

function say(note, problem = '') {
  element('note').textContent = note;
  element('problem').textContent = problem;
}

function fail(error) {
  show('failed');
  say('', error.code ? `${error.message} (${error.code})` : error.message);
}

function tick() {
  const now = performance.now();
  if (client?.state === 'connected') {
    for (const body of meters.take(now, element('rate').value, element('size').value)) {
      send(ECHO, body);
    }
  }
}

function refresh() {
  const stats = client?.stats;
  const { roundTrip, loss, sent, received } = meters.read(performance.now(), stats);
  const bytes = (flow) => flow && `${(flow.bytes / 1000).toFixed(1)} kB/s`;
  const payloads = (flow) => flow && `${flow.payloads.toFixed(0)} payloads/s`;
  const milliseconds = (value) => value != null && `${value.toFixed(2)} ms`;
  const shown = client && {
    'round-trip': milliseconds(roundTrip),
    loss: loss !== null && `${(loss * 100).toFixed(1)} %`,
    sent: bytes(sent),
    'sent-rate': payloads(sent),
    received: bytes(received),
    'received-rate': payloads(received),
    handshake: milliseconds(stats.handshakeRoundTrip),
    clients: String(arena.count),
  };
  for (const meter of document.querySelectorAll('.meters dd')) {
    meter.textContent = (shown && shown[meter.id]) || '–';
  }
  meters.draw(element('graph'));
}

element('connect').addEventListener('click', () => {
  if (client) {
    client.close();
  } else if (attempt) {
    attempt.abort();
  } else {
    connect();
  }
});
element('transport').addEventListener('change', () => {
  if (client || attempt) {
    reconnect();
  }
});
for (const id of ['rate', 'size']) {
  element(id).addEventListener('input', () => {
    element(`${id}-text`).textContent = element(id).value;
  });
}
setInterval(tick, 10);
setInterval(refresh, 500);
connect();
