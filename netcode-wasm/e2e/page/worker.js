// Players in a worker: `{ call, args }` in, `{ call, result }` out.

import { Players } from '/players.js';

const players = new Players();

self.onmessage = async ({ data: { call, args } }) => {
  self.postMessage({ call, result: await players[call](...args) });
};
