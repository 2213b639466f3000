// Apart from `stats.ts`, so that a program's types need none of the module's.

import { drop_name, type Connection } from '../wasm/netcode_wasm.js';
import type { ClientStats } from './stats.js';

/** What a connection has counted by now. */
export function readStats(connection: Connection): ClientStats {
  const counts = connection.stats();
  const count = (index: number): number => counts[index] ?? 0;
  const roundTrip = count(0);
  return {
    handshakeRoundTrip: Number.isNaN(roundTrip) ? null : roundTrip,
    sent: count(1),
    received: count(2),
    bytesSent: count(3),
    bytesReceived: count(4),
    payloadsSent: count(5),
    payloadsReceived: count(6),
    lost: count(7),
    unsent: count(8),
    malformed: count(9),
    payloadsUntaken: count(10),
    dropped: readDropped(connection),
  };
}

function readDropped(connection: Connection): Record<string, number> {
  const dropped: Record<string, number> = {};
  connection.dropped().forEach((count, index) => {
    const name = drop_name(index);
    if (count > 0 && name !== undefined) {
      dropped[name] = count;
    }
  });
  return dropped;
}
