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
