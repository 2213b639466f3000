// The site: accounts, and the way into the game.

import { Game } from './game.js';

const element = (id) => document.getElementById(id);
const game = new Game(element('arena'), { onState: showState, onEnd: ended });
/** Aborts the attempt to join, or the wait before the next. */
let attempt = null;

/** Sends a request to the service, and throws the problem of a refusal. */
async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body && { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
    signal: attempt?.signal,
  }).catch((cause) => {
    if (attempt?.signal.aborted) {
      throw cause;
    }
    throw new Error('The service cannot be reached.', { cause });
  });
  if (response.ok) {
    return response.status === 204 ? null : response.json();
  }
  const problem = await response.json().catch(() => ({ detail: response.statusText }));
  const wait = Number(response.headers.get('retry-after')) || 0;
  throw Object.assign(new Error(problem.detail), { code: problem.code, wait });
}

function show(account) {
  element('signed-in').hidden = !account;
  element('play').hidden = !account;
  element('account').hidden = Boolean(account);
  element('name').textContent = account?.name ?? '';
}

function say(problem) {
  element('problem').textContent = problem ?? '';
  element('problem').hidden = !problem;
}

function showState(state, where = '') {
  element('state').dataset.state = state;
  element('state').textContent = state;
  element('where').textContent = where;
  element('connect').textContent = attempt || game.isJoined ? 'Leave' : 'Play';
}

async function play() {
  attempt = new AbortController();
  const { signal } = attempt;
  say(null);
  showState('connecting');
  try {
    const { token, servers, clientId, expires, ...options } = await call('POST', 'v1/connect', {});
    await game.join(token, { ...options, signal }, servers[0]);
  } catch (error) {
    if (!signal.aborted) {
      showState('failed');
      const again = error.wait ? ` Try again in ${error.wait} s.` : '';
      say(`${error.message}${again}`);
      if (error.code === 'unauthenticated') {
        show(null);
      }
    }
  } finally {
    attempt = null;
    showState(element('state').dataset.state, element('where').textContent);
  }
}

function leave() {
  attempt?.abort();
  game.leave();
  showState('disconnected');
}

/** The server has gone, or ended the game: the next token is for another. */
function ended(error) {
  showState(error ? 'failed' : 'disconnected');
  say(error && `${error.message} Press Play to join another server.`);
}

element('connect').addEventListener('click', () => {
  if (attempt || game.isJoined) {
    leave();
  } else {
    play();
  }
});

element('account').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.target;
  const { name, password } = Object.fromEntries(new FormData(form));
  say(null);
  try {
    show(await call('POST', `v1/${event.submitter?.value ?? 'session'}`, { name, password }));
    form.reset();
  } catch (error) {
    say(error.message);
  }
});

element('sign-out').addEventListener('click', async () => {
  leave();
  await call('DELETE', 'v1/session').catch((error) => say(error.message));
  show(null);
});

const account = await call('GET', 'v1/session').catch((error) => say(error.message));
show(account?.name ? account : null);
