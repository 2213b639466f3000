#!/usr/bin/env python3
"""Start of a dedicated server under Agones.

    agones.py [OPTIONS] -- netcode server ...

The server itself does not speak Agones' SDK. This program starts it, passes on signals, and speaks
for it to the SDK server of the pod (REST, localhost):

- The server starts with NETCODE_PUBLIC, the address and port that Agones gave the game server: by
  them tokens name it.
- `POST /ready` once /readyz of the server answers 200; `POST /health` while /healthz does.
- The Counter has the slots that are taken: clients, and allocations whose players have not arrived
  yet. An allocation counts for --hold seconds at most.
- An allocated game server that has emptied is ready again, so that it can be replaced or removed;
  one with players is allocated, so that it is not.
- After --lifetime seconds it gets no more players; when its tokens have expired the server is
  asked to end, and drains.
- A key file that changes (NETCODE_KEY_FILE) becomes a SIGHUP: the server reads it again.
- `POST /shutdown` when the server has ended by itself, so that Agones replaces it.
"""

import argparse
import collections
import http.client
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

TIMEOUT = 2


def log(text):
    print(f"agones: {text}", file=sys.stderr, flush=True)


def fetch(address, method, path, body=None):
    """Text of an answer with status 200. OSError otherwise."""
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
    except http.client.HTTPException as error:
        raise OSError(f"{method} {path}: {error!r}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(f"{method} {path}: status {answer.status}: {text.strip()}")
    return text


class Sdk:
    """SDK server of the pod."""

    def __init__(self, counter):
        self.address = f"localhost:{os.environ.get('AGONES_SDK_HTTP_PORT', '9358')}"
        self.counter_path = f"/v1beta1/counters/{counter}"

    def post(self, path):
        fetch(self.address, "POST", path, {})

    def status(self):
        """State, address and ports of the game server."""
        return json.loads(fetch(self.address, "GET", "/gameserver")).get("status", {})

    def counter(self):
        """Count and capacity. Zeros may be absent; 64-bit numbers are strings."""
        found = json.loads(fetch(self.address, "GET", self.counter_path))
        return int(found.get("count", 0)), int(found.get("capacity", 0))

    def update_counter(self, **change):
        body = {name: str(value) for name, value in change.items()}
        fetch(self.address, "PATCH", self.counter_path, body)


class Server:
    """Metrics and probes of the server."""

    def __init__(self):
        port = os.environ["NETCODE_METRICS"].rpartition(":")[2]
        self.address = f"127.0.0.1:{port}"

    def answers(self, path):
        try:
            fetch(self.address, "GET", path)
        except OSError:
            return False
        return True

    def figures(self):
        """Slots, connected clients, and handshakes that led to a connection."""
        found = {}
        for line in fetch(self.address, "GET", "/metrics").splitlines():
            name, _, value = line.rpartition(" ")
            found[name] = value
        connects = 'netcode_server_handshakes_total{outcome="connected"}'
        names = ("netcode_server_slots", "netcode_server_clients", connects)
        return tuple(int(found[name]) for name in names)


class Slots:
    """Taken slots, as the Counter should have them."""

    def __init__(self, hold):
        self.hold = hold
        self.arrivals = collections.deque()  # Ends of allocations whose players have not arrived.
        self.count = 0
        self.connects = 0

    def taken(self, now, count, clients, connects):
        """Slots that are taken, from the Counter and the server's figures."""
        # Only an allocation raises the Counter above what was written last.
        self.arrivals.extend([now + self.hold] * (count - self.count))
        for _ in range(min(connects - self.connects, len(self.arrivals))):
            self.arrivals.popleft()
        while self.arrivals and self.arrivals[0] <= now:
            self.arrivals.popleft()
        self.connects = connects
        return clients + len(self.arrivals)


class KeyFile:
    """File with the server's key."""

    def __init__(self):
        self.path = os.environ.get("NETCODE_KEY_FILE")
        self.text = self.read()

    def read(self):
        try:
            return self.path and pathlib.Path(self.path).read_bytes()
        except OSError:
            return None

    def has_changed(self):
        """Whether it differs from the last look, and is there."""
        before, now = self.text, self.read()
        self.text = now or before
        return self.text != before


class Agent:
    """Server process, and what Agones knows of it."""

    def __init__(self, options):
        self.options = options
        self.sdk = Sdk(options.counter)
        self.server = None
        self.process = None
        self.key_file = KeyFile()
        self.slots = Slots(options.hold)
        self.ready = False
        self.asked_to_end = False
        self.closes_at = None
        self.ends_at = None

    def signalled(self, number, _frame):
        if number != signal.SIGHUP:
            self.asked_to_end = True
        if self.process is not None:
            self.process.send_signal(number)

    def run(self):
        """Runs the server to its end. Exit code."""
        address = self.public_address()
        if address is None:
            return 0
        log(f"the public address is {address}")
        environment = {**os.environ, "NETCODE_PUBLIC": address}
        self.server = Server()
        self.process = subprocess.Popen(self.options.command, env=environment)
        if self.asked_to_end:
            self.process.terminate()
        while self.process.poll() is None:
            try:
                self.turn(time.monotonic())
            except (OSError, ValueError, KeyError) as error:
                log(f"{error}; trying again")
            self.wait()
        code = self.process.returncode
        log(f"the server has ended with code {code}")
        if not self.asked_to_end:
            self.shut_down()
        return code if code >= 0 else 128 - code

    def shut_down(self):
        try:
            self.sdk.post("/shutdown")
        except OSError as error:
            log(str(error))

    def wait(self):
        try:
            self.process.wait(self.options.interval)
        except subprocess.TimeoutExpired:
            pass

    def public_address(self):
        """Address and port for clients. None if asked to end meanwhile."""
        while not self.asked_to_end:
            try:
                status = self.sdk.status()
                ports = [
                    port["port"]
                    for port in status.get("ports") or []
                    if self.options.port in (None, port.get("name"))
                ]
                host = status.get("address")
                if host and ports:
                    return f"[{host}]:{ports[0]}" if ":" in host else f"{host}:{ports[0]}"
            except (OSError, ValueError) as error:
                log(f"the SDK server does not answer yet: {error}")
            time.sleep(self.options.interval)
        return None

    def turn(self, now):
        if self.server.answers("/healthz"):
            self.sdk.post("/health")
        if self.key_file.has_changed():
            log("the key file has changed")
            self.process.send_signal(signal.SIGHUP)
        if self.asked_to_end or self.ends_at is not None:
            return self.end_if_due(now)
        if not self.ready:
            return self.become_ready(now)
        if self.closes_at is not None and now >= self.closes_at:
            return self.close(now)
        return self.count(now)

    def become_ready(self, now):
        if not self.server.answers("/readyz"):
            return
        slots, _, _ = self.server.figures()
        self.sdk.update_counter(capacity=slots)
        self.sdk.post("/ready")
        self.ready = True
        log(f"ready, with {slots} slots")
        if self.options.lifetime > 0:
            # Not all of a fleet at once.
            self.closes_at = now + self.options.lifetime * random.uniform(0.9, 1.1)

    def count(self, now):
        # Before the Counter: an allocation in between shows in the Counter.
        state = self.sdk.status().get("state")
        count, capacity = self.sdk.counter()
        _, clients, connects = self.server.figures()
        taken = min(self.slots.taken(now, count, clients, connects), capacity)
        if taken != count:
            # A difference leaves an allocation in that was made meanwhile.
            self.sdk.update_counter(countDiff=taken - count)
        self.slots.count = taken
        if taken == 0 and state == "Allocated":
            self.sdk.post("/ready")
            log("empty, and ready again")
        elif taken > 0 and state == "Ready":
            # An allocation that crossed the line above, or a token that Agones did not place.
            self.sdk.post("/allocate")

    def close(self, now):
        self.sdk.update_counter(count=0, capacity=0)
        self.ends_at = now + self.options.hold
        log("the lifetime is over: no more players are sent here")

    def end_if_due(self, now):
        if self.ends_at is not None and now >= self.ends_at:
            self.ends_at = float("inf")
            log("the server is asked to end")
            self.process.terminate()


def parse():
    parser = argparse.ArgumentParser(description="Runs a dedicated server under Agones.")
    number = {"type": float, "metavar": "SECONDS"}
    parser.add_argument("--counter", default="players", help="Counter of taken slots")
    parser.add_argument("--port", help="name of the UDP port, if it is not the first")
    parser.add_argument(
        "--hold",
        default=55,
        help="time from an allocation to its player's arrival, at most: "
        "the tokens' lifetime and ten seconds for the handshake [55]",
        **number,
    )
    parser.add_argument(
        "--lifetime",
        default=0,
        help="time after which the server gets no more players, more or less a tenth; "
        "0: no end [0]",
        **number,
    )
    parser.add_argument("--interval", default=1, help="time between turns [1]", **number)
    parser.add_argument("command", nargs="+", help="command of the server, after --")
    return parser.parse_args()


def main():
    agent = Agent(parse())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, agent.signalled)
    sys.exit(agent.run())


if __name__ == "__main__":
    main()
