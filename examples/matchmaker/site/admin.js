// Operation: the fleet, read again every two seconds.

const INTERVAL = 2000;
const element = (id) => document.getElementById(id);
/** The operator's key: in memory alone, and gone with the page. */
let key = null;

async function read(path) {
  const response = await fetch(path, { headers: { authorization: `Bearer ${key}` } });
  if (!response.ok) {
    const problem = await response.json().catch(() => ({ detail: response.statusText }));
    throw Object.assign(new Error(problem.detail), { status: response.status });
  }
  return response;
}

async function refresh() {
  try {
    const [list, metrics] = await Promise.all([read('v1/servers'), read('metrics')]);
    show((await list.json()).servers, counters(await metrics.text()));
    state('connected', 'live');
  } catch (error) {
    state('failed', 'not connected', error.message);
    if (error.status === 401 || error.status === 403) {
      key = null;
      element('operator').hidden = false;
      element('fleet').hidden = true;
    }
  }
  if (key) {
    setTimeout(refresh, INTERVAL);
  }
}

/** Counters of the text format of Prometheus: name with labels to number. */
function counters(text) {
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(' ');
    return [line.slice(0, at), Number(line.slice(at + 1))];
  }));
}

function show(servers, counts) {
  element('operator').hidden = true;
  element('fleet').hidden = false;
  const sum = (value) => servers.reduce((total, server) => total + value(server), 0);
  const total = (name) => [...counts].reduce(
    (all, [label, count]) => (label.startsWith(name) ? all + count : all), 0);
  const totals = {
    players: sum(({ heartbeat }) => heartbeat.connected),
    free: sum(({ free, accepting }) => (accepting ? free : 0)),
    reserved: sum(({ reserved }) => reserved),
    count: servers.filter(({ accepting }) => accepting).length,
    tokens: total('matchmaker_tokens_total'),
    refusals: total('matchmaker_refusals_total'),
  };
  for (const [id, value] of Object.entries(totals)) {
    element(id).textContent = value;
  }
  element('none').hidden = servers.length > 0;
  element('servers').replaceChildren(...servers.map(row));
  element('codes').replaceChildren(...[...counts].flatMap(([label, count]) => {
    const code = /^matchmaker_refusals_total\{code="(.*)"\}$/.exec(label)?.[1];
    return code ? [line([text('span', code), text('span', count)])] : [];
  }));
}

function row({ id, heartbeat, reserved, free, accepting, ageSeconds }) {
  const { capacity, connected, draining, addresses, labels } = heartbeat;
  const kind = accepting ? 'connected' : draining ? 'draining' : 'silent';
  const pill = text('span', accepting ? 'accepting' : kind);
  pill.className = 'pill';
  pill.dataset.state = kind;
  const meter = document.createElement('meter');
  Object.assign(meter, { max: capacity, value: connected + reserved, high: capacity * 0.9 });
  meter.setAttribute('aria-label', `slots of ${id} that are taken or reserved`);
  const of = text('span', `${connected} of ${capacity} connected, ${reserved} reserved, ${free} free`);
  of.className = 'of';
  const tags = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  const more = [addresses.join(', '), ...tags, `heard ${ageSeconds} s ago`].join(' · ');
  return line([text('strong', id), pill, meter, of, text('small', more)]);
}

function line(children) {
  const item = document.createElement('li');
  item.append(...children);
  return item;
}

function text(name, value) {
  return Object.assign(document.createElement(name), { textContent: value });
}

function state(kind, words, problem) {
  element('state').dataset.state = kind;
  element('state').textContent = words;
  element('problem').textContent = problem ?? '';
  element('problem').hidden = !problem;
}

element('operator').addEventListener('submit', (event) => {
  event.preventDefault();
  key = new FormData(event.target).get('key').trim();
  event.target.reset();
  refresh();
});
