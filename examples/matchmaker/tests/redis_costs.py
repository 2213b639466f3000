#!/usr/bin/env python3
"""Costs of the scripts in Redis: processor time of Redis for each call.

    python3 examples/matchmaker/tests/redis_costs.py

Needs `redis-server` alone. The processor time of Redis is its own report, so that other programs on
the machine do not change it much.
"""

import json
import pathlib
import socket
import subprocess
import tempfile
import time

STORE = pathlib.Path(__file__).parent.parent / "src/store"
SILENT_AFTER = 10_000
HOLD = 65_000
FORGET_AFTER = 15 * 60 * 1000


class Redis:
    """A Redis of its own, at a socket in a folder, that writes its changes each second.

    With `appendfsync always` it also waits for the disk, once for all calls of a turn of its loop.
    """

    def __init__(self, folder):
        at = f"{folder}/redis"
        options = ["--port", "0", "--unixsocket", at, "--dir", folder, "--save", ""]
        options += ["--appendonly", "yes", "--appendfsync", "everysec"]
        self.process = subprocess.Popen(
            ["redis-server", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(at)
                break
            except OSError:
                time.sleep(0.05)
        self.answers = self.socket.makefile("rb")

    def send(self, *words):
        words = [str(word).encode() for word in words]
        parts = [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        self.socket.sendall(b"*%d\r\n%s" % (len(words), b"".join(parts)))
        return self.read()

    def read(self):
        line = self.answers.readline().rstrip()
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.answers.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        return rest

    def script(self, name):
        return self.send("SCRIPT", "LOAD", (STORE / f"{name}.lua").read_text())

    def seconds(self):
        """Processor time so far, of the main thread."""
        text = self.send("INFO", "cpu").decode()
        found = dict(line.split(":") for line in text.split() if ":" in line)
        return float(found["used_cpu_user_main_thread"]) + float(found["used_cpu_sys_main_thread"])

    def bytes(self):
        text = self.send("INFO", "memory").decode()
        found = dict(line.split(":", 1) for line in text.split() if ":" in line)
        return int(found["used_memory"])


def cost(redis, calls, call):
    """Processor time of one of so many calls, in microseconds."""
    began = redis.seconds()
    for at in range(calls):
        call(at)
    return (redis.seconds() - began) / calls * 1e6


def heartbeat(redis, sha, server, slots, clients):
    address = f"203.0.{server >> 8 & 255}.{server & 255}:{40000 + (server >> 16)}"
    text = json.dumps(
        {
            "addresses": [address],
            "capacity": slots,
            "connected": len(clients),
            "draining": False,
            "labels": {"region": "eu", "map": "arena"},
        }
    )
    state = [f"eu-{server}", text, slots, len(clients), 0, SILENT_AFTER, 1, address]
    return redis.send("EVALSHA", sha.decode(), 0, *state, *clients)


def reserve(redis, sha, client, candidates):
    words = [client, HOLD, SILENT_AFTER, *candidates]
    return redis.send("EVALSHA", sha.decode(), 0, *words)


def measure(redis):
    beat, take, servers = (redis.script(it) for it in ("heartbeat", "reserve", "servers"))
    print("processor time of Redis for a call, microseconds")
    for slots in (16, 64):
        clients = range(slots - 4)
        for server in range(200):
            heartbeat(redis, beat, server, slots, clients)
        found = cost(redis, 2000, lambda at: heartbeat(redis, beat, at % 200, slots, clients))
        print(f"  heartbeat of a server with {len(clients):>3} clients  {found:8.1f}")
    for candidates in (1, 16, 256):
        for server in range(300):
            heartbeat(redis, beat, server, 100_000, [])
        names = [f"eu-{server}" for server in range(candidates)]
        found = cost(redis, 2000, lambda at: reserve(redis, take, 10**6 + at, names))
        print(f"  reservation, {candidates:>4} candidates            {found:8.1f}")
    redis.send("FLUSHALL")
    empty = redis.bytes()
    for count in (100, 1000, 10_000):
        for server in range(count):
            heartbeat(redis, beat, server, 64, range(60))
        call = lambda _: redis.send("EVALSHA", servers.decode(), 0, FORGET_AFTER)
        size = sum(len(answer[1]) for answer in call(0))
        found = cost(redis, 20, call)
        print(f"  list of {count:>6} servers, {size // 1024:>5} KiB     {found:8.1f}")
    print(f"memory of a server with 60 clients: {(redis.bytes() - empty) // 10_000} bytes")


def main():
    with tempfile.TemporaryDirectory() as folder:
        redis = Redis(folder)
        try:
            measure(redis)
        finally:
            redis.process.terminate()
            redis.process.wait()


if __name__ == "__main__":
    main()
