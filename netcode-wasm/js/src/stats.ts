import { drop_name, type Connection } from '../wasm/netcode_wasm.js';

/** What a connection has counted since it began. */
export interface ClientStats {
  /** From a handshake packet to its answer, milliseconds; `null` until measured. */
  readonly handshakeRoundTrip: number | null;
  /** Datagrams sent, payloads and keep-alives and handshake. */
  readonly sent: number;
  /** Authentic datagrams received. */
  readonly received: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly payloadsSent: number;
  readonly payloadsReceived: number;
  /** Datagrams of the server that have not arrived. Reordered ones count until they do. */
  readonly lost: number;
  /** Datagrams for which the browser had no room: send less. */
  readonly unsent: number;
  /** Messages from the bridge that were neither datagrams nor pieces of one. */
  readonly malformed: number;
  /** Payloads dropped because an iterator was not read. */
  readonly payloadsUntaken: number;
  /** Datagrams dropped, by the rule that refused them: `Replayed`, `Unauthentic` and so on. */
  readonly dropped: Readonly<Record<string, number>>;
}

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
