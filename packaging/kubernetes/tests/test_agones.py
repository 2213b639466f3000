"""agones.py, with a real server and real clients, at a stub of Agones' SDK server (REST).

NETCODE_BINARIES names the folder of the program `netcode`. The stub checks what a request must be,
and applies it as the SDK server does.
"""

import contextlib
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

NETCODE = f"{os.environ['NETCODE_BINARIES']}/netcode"
PROGRAM = pathlib.Path(__file__).parent.parent / "agones.py"
PATIENCE = 30


class SdkServer:
    """Game server as Agones has it."""

    def __init__(self, port):
        self.lock = threading.Lock()
        self.state = "Scheduled"
        self.address = "127.0.0.1"
        self.ports = [{"name": "metrics", "port": 9}, {"name": "game", "port": port}]
        self.count = 0
        self.capacity = 16
        self.health = 0
        self.failures = 0
        self.changes = []
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_request(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or "null")
                with stub.lock:
                    status, answer = stub.answer(self.command, self.path, body)
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = handle_request

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, method, path, body):
        if self.failures > 0:
            self.failures -= 1
            return 503, {"message": "not now"}
        states = {
            "/ready": "Ready",
            "/allocate": "Allocated",
            "/shutdown": "Shutdown",
        }
        if method == "POST" and path in states and body == {}:
            self.change(states[path])
            return 200, {}
        if (method, path, body) == ("POST", "/health", {}):
            self.health += 1
            return 200, {}
        if (method, path) == ("GET", "/gameserver"):
            status = {"state": self.state, "address": self.address, "ports": self.ports}
            return 200, {"object_meta": {"name": "arena-1"}, "status": status}
        if path == "/v1beta1/counters/players":
            if method == "PATCH":
                return self.update(body)
            if method == "GET":
                return 200, self.counter()
        return 404, {"message": f"{method} {path} {body}"}

    def counter(self):
        # 64-bit numbers are strings.
        return {"name": "players", "count": str(self.count), "capacity": str(self.capacity)}

    def update(self, body):
        if not all(isinstance(value, str) for value in body.values()):
            return 400, {"message": "64-bit numbers are strings"}
        if not body.keys() <= {"count", "capacity", "countDiff"}:
            return 400, {"message": "no such field"}
        capacity = int(body.get("capacity", self.capacity))
        count = int(body.get("count", self.count)) + int(body.get("countDiff", 0))
        if not 0 <= count <= capacity:
            return 500, {"message": "out of range"}
        self.count, self.capacity = count, capacity
        return 200, self.counter()

    def change(self, state):
        self.state = state
        self.changes.append(state)

    def allocate(self):
        """What an allocation of the matchmaker does."""
        with self.lock:
            self.state = "Allocated"
            self.count += 1

    def looks(self):
        with self.lock:
            return self.state, self.count


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def end(process):
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


class Agones(unittest.TestCase):
    def setUp(self):
        exits = contextlib.ExitStack()
        self.addCleanup(exits.close)
        self.exits = exits
        self.folder = exits.enter_context(tempfile.TemporaryDirectory())
        self.key = f"{self.folder}/game.key"
        self.log = exits.enter_context(open(f"{self.folder}/log", "w+"))
        subprocess.run([NETCODE, "keygen", "--out", self.key], check=True, capture_output=True)
        self.port = free_port(socket.SOCK_DGRAM)
        self.sdk = SdkServer(self.port)
        exits.callback(self.sdk.http.server_close)
        exits.callback(self.sdk.http.shutdown)

    def launch(self, *options, drain=0):
        """Starts the program with a server."""
        server = [NETCODE, "server", "--protocol-id", "42", "--max-clients", "2"]
        server += ["--max-token-lifetime", "off", "--drain", str(drain)]
        server += ["--bind", f"127.0.0.1:{self.port}"]
        command = [sys.executable, str(PROGRAM), "--interval", "0.05", "--port", "game"]
        self.metrics = f"127.0.0.1:{free_port(socket.SOCK_STREAM)}"
        environment = {
            **os.environ,
            "AGONES_SDK_HTTP_PORT": str(self.sdk.port),
            "NETCODE_KEY_FILE": self.key,
            "NETCODE_METRICS": self.metrics,
        }
        self.program = self.run_until_the_end([*command, *options, "--", *server], environment)

    def start(self, *options, drain=0):
        """Starts it, and waits until Agones may send players."""
        self.launch(*options, drain=drain)
        self.until(lambda: self.sdk.looks()[0] == "Ready", "ready")

    def run_until_the_end(self, command, environment=None):
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=self.log
        )
        self.exits.callback(end, process)
        return process

    def join(self, client):
        """Client that stays until it is ended."""
        token = f"{self.folder}/{client}.token"
        mint = [NETCODE, "token", "mint", "--key", self.key, "--protocol-id", "42"]
        mint += ["--client-id", str(client), "--server", f"127.0.0.1:{self.port}"]
        subprocess.run([*mint, "--out", token], check=True, capture_output=True)
        return self.run_until_the_end([NETCODE, "client", token])

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), end, f"not {what}: {vars(self.sdk)}")
            time.sleep(0.01)

    def test_the_server_is_ready_and_healthy_with_its_slots(self):
        self.sdk.failures = 3
        self.start()
        self.assertEqual(self.sdk.capacity, 2)
        before = self.sdk.health
        self.until(lambda: self.sdk.health > before, "healthy")

    def test_an_allocation_whose_player_does_not_come_ends(self):
        self.start("--hold", "0.5")
        self.sdk.allocate()
        self.until(lambda: self.sdk.looks() == ("Ready", 0), "given back")

    def test_a_player_has_one_slot_until_it_leaves(self):
        self.start("--hold", "600")
        self.sdk.allocate()
        self.sdk.allocate()
        player = self.join(7)
        self.until(lambda: self.clients() == 1, "connected")
        self.assertEqual(self.sdk.looks(), ("Allocated", 2))
        player.terminate()
        # The other one is still expected.
        self.until(lambda: self.sdk.looks() == ("Allocated", 1), "left")

    def clients(self):
        """Connected clients, as the server reports them."""
        with urllib.request.urlopen(f"http://{self.metrics}/metrics") as answer:
            found = re.search(
                r"^netcode_server_clients (\d+)$", answer.read().decode(), re.MULTILINE
            )
        return int(found[1])

    def test_a_token_that_agones_did_not_place_protects_the_server(self):
        self.start()
        player = self.join(7)
        self.until(lambda: self.sdk.looks() == ("Allocated", 1), "allocated")
        player.terminate()
        self.until(lambda: self.sdk.looks() == ("Ready", 0), "ready again")

    def test_a_signal_drains_and_leaves_the_end_to_agones(self):
        self.start(drain=PATIENCE)
        player = self.join(7)
        self.until(lambda: self.sdk.looks() == ("Allocated", 1), "connected")
        self.program.send_signal(signal.SIGTERM)
        before = self.sdk.health
        self.until(lambda: self.sdk.health > before + 1, "healthy while it drains")
        self.assertIsNone(self.program.poll())
        player.terminate()
        self.assertEqual(self.program.wait(PATIENCE), 0)
        self.assertNotIn("Shutdown", self.sdk.changes)

    def test_a_server_whose_lifetime_is_over_gets_nobody_more_and_is_replaced(self):
        self.start("--hold", "0.5", "--lifetime", "0.1")
        self.until(lambda: self.sdk.capacity == 0, "closed")
        self.assertIsNone(self.program.poll())
        self.assertEqual(self.program.wait(PATIENCE), 0)
        self.assertEqual(self.sdk.changes, ["Ready", "Shutdown"])

    def test_a_new_key_is_read(self):
        self.start()
        pathlib.Path(self.key).write_text("07" * 32)
        told = re.compile("key changed|holds another key")
        self.until(lambda: told.search(pathlib.Path(self.log.name).read_text()), "told")

    def test_a_server_that_cannot_start_is_replaced(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", self.port))
            self.launch()
            self.assertNotEqual(self.program.wait(PATIENCE), 0)
        self.assertEqual(self.sdk.changes, ["Shutdown"])


if __name__ == "__main__":
    unittest.main()
