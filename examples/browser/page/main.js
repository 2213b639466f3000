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
/** The client that is connected, or is connecting. */
let client = null;
let attempt = null;
/** `true` to connect again as soon as the client, or the attempt, has ended. */
let again = false;

async function connect() {
  attempt = new AbortController();
  const { signal } = attempt;
  say(null, null);
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
  const response = await fetch('token', { method: 'POST', signal }).catch((cause) => {
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
  const fallback = client.fallback ? `; no WebTransport: ${client.fallback.message}` : '';
  say(`over ${client.transport}, payloads up to ${client.maxPayload} bytes in one piece${fallback}`);
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
    say(reason === 'server' ? 'the server ended the connection' : null);
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
  element('connect').textContent = attempt || client ? 'Disconnect' : 'Connect';
}

function say(note, problem = null) {
  for (const [id, text] of [['note', note], ['problem', problem]]) {
    element(id).textContent = text ?? '';
    element(id).hidden = !text;
  }
}

function fail(error) {
  show('failed');
  say(null, error.code ? `${error.message} (${error.code})` : error.message);
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
  const flow = (flow) => {
    return flow && `${(flow.bytes / 1000).toFixed(1)} kB/s · ${flow.payloads.toFixed(0)}/s`;
  };
  const milliseconds = (value) => value != null && `${value.toFixed(2)} ms`;
  const shown = client && {
    'round-trip': milliseconds(roundTrip),
    loss: loss !== null && `${(loss * 100).toFixed(1)} %`,
    sent: flow(sent),
    received: flow(received),
    handshake: milliseconds(stats.handshakeRoundTrip),
    clients: String(arena.count),
  };
  for (const id of ['round-trip', 'loss', 'sent', 'received', 'handshake', 'clients']) {
    element(id).textContent = (shown && shown[id]) || '–';
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
