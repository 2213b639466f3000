/** Counters of a connection since it began. */
export interface ClientStats {
  /** Round trip of the handshake in milliseconds; `null` until measured. */
  readonly handshakeRoundTrip: number | null;
  /** Datagrams sent: payloads, keep-alives and handshake. */
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
  /** Messages from the bridge that were neither datagrams nor fragments of one. */
  readonly malformed: number;
  /** Payloads dropped because an iterator was not read. */
  readonly payloadsUntaken: number;
  /** Datagrams dropped, by reason: `replayed`, `unauthentic` and so on. */
  readonly dropped: Readonly<Record<string, number>>;
}
