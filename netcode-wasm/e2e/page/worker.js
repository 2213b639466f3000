// Test clients in a worker: `{ call, args }` in, `{ call, result }` out.

import { TestClients } from '/clients.js';

const clients = new TestClients();

self.onmessage = async ({ data: { call, args } }) => {
  self.postMessage({ call, result: await clients[call](...args) });
};
