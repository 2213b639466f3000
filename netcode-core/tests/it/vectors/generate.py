#!/usr/bin/env python3
"""Writes netcode-1.02.json: known answers for everything netcode 1.02 seals.

Written from the layouts of the standard, with libsodium's ChaCha20-Poly1305 (through PyNaCl), so
that it shares neither code nor cryptography with the crate it tests. The inputs follow from the
names of the fields alone: the same file comes out every time.
"""

import hashlib
import ipaddress
import json
import pathlib
import struct

from nacl.bindings import (
    crypto_aead_chacha20poly1305_ietf_encrypt as seal,
    crypto_aead_xchacha20poly1305_ietf_encrypt as seal_extended,
)

VERSION = b"NETCODE 1.02\0"

# One at each length a sequence can have on the wire, and both ends of each length.
SEQUENCES = [0] + [
    edge for bits in range(8, 65, 8) for edge in (1 << (bits - 8), (1 << bits) - 1)
]


class Draw:
    """Bytes that follow from a name."""

    def __init__(self, name):
        self.name = name

    def bytes(self, field, count):
        return hashlib.shake_256(f"{self.name}/{field}".encode()).digest(count)

    def number(self, field, bits):
        return int.from_bytes(self.bytes(field, bits // 8), "little")


def write_address(text):
    host, port = text.rsplit(":", 1)
    ip = ipaddress.ip_address(host.strip("[]"))
    if ip.version == 4:
        front = b"\x01" + ip.packed
    else:
        groups = struct.unpack(">8H", ip.packed)
        front = b"\x02" + struct.pack("<8H", *groups)
    return front + struct.pack("<H", int(port))


def write_addresses(addresses):
    return struct.pack("<I", len(addresses)) + b"".join(map(write_address, addresses))


def draw_address(draw, at, version):
    port = draw.number(f"port {at}", 16)
    if version == 4:
        return f"{ipaddress.IPv4Address(draw.bytes(f'address {at}', 4))}:{port}"
    return f"[{ipaddress.IPv6Address(draw.bytes(f'address {at}', 16))}]:{port}"


def connect_token(name, addresses, timeout, lifetime):
    draw = Draw(name)
    client_id = draw.number("client id", 64)
    protocol_id = draw.number("protocol id", 64)
    create = draw.number("create", 32)
    expire = create + lifetime
    keys = draw.bytes("client to server", 32), draw.bytes("server to client", 32)
    user_data = draw.bytes("user data", 256)
    private_key = draw.bytes("private key", 32)
    nonce = draw.bytes("nonce", 24)

    plain = struct.pack("<Qi", client_id, timeout) + write_addresses(addresses)
    plain = (plain + keys[0] + keys[1] + user_data).ljust(1008, b"\0")
    bound_to = VERSION + struct.pack("<QQ", protocol_id, expire)
    private = seal_extended(plain, bound_to, nonce, private_key)

    token = VERSION + struct.pack("<QQQ", protocol_id, create, expire) + nonce + private
    token += struct.pack("<i", timeout) + write_addresses(addresses) + keys[0] + keys[1]
    return {
        "client_id": str(client_id),
        "timeout_seconds": timeout,
        "protocol_id": str(protocol_id),
        "create_timestamp": create,
        "expire_timestamp": expire,
        "server_addresses": addresses,
        "client_to_server_key": keys[0].hex(),
        "server_to_client_key": keys[1].hex(),
        "user_data": user_data.hex(),
        "private_key": private_key.hex(),
        "nonce": nonce.hex(),
        "private_plaintext_1008": plain.hex(),
        "private_encrypted": private.hex(),
        "connect_token": token.ljust(2048, b"\0").hex(),
    }


def connect_tokens():
    cases = []
    for count in (1, 2, 31, 32):
        for families in ((4,), (6,), (4, 6)):
            name = f"connect token {count} {families}"
            addresses = [
                draw_address(Draw(name), at, families[at % len(families)])
                for at in range(count)
            ]
            cases.append(connect_token(name, addresses, 5 + count, 30))
    one = ["127.0.0.1:40000"]
    for timeout in (0, -1, 2**31 - 1, -(2**31)):
        cases.append(connect_token(f"timeout {timeout}", one, timeout, 45))
    cases.append(connect_token("expires at once", one, 10, 0))
    edges = ["0.0.0.0:0", "255.255.255.255:65535", "[::]:0", "[::1]:1", "[1:2:3:4:5:6:7:8]:258"]
    cases.append(connect_token("edges of addresses", edges, 10, 3600))
    return cases


def packet_nonce(sequence):
    return bytes(4) + struct.pack("<Q", sequence)


def seal_challenge(client_id, user_data, sequence, key):
    plain = (struct.pack("<Q", client_id) + user_data).ljust(284, b"\0")
    return seal(plain, b"", packet_nonce(sequence), key)


def challenge_tokens():
    cases = []
    for sequence in SEQUENCES:
        draw = Draw(f"challenge token {sequence}")
        client_id = draw.number("client id", 64)
        user_data, key = draw.bytes("user data", 256), draw.bytes("key", 32)
        cases.append({
            "client_id": str(client_id),
            "sequence": str(sequence),
            "user_data": user_data.hex(),
            "key": key.hex(),
            "encrypted": seal_challenge(client_id, user_data, sequence, key).hex(),
        })
    return cases


def request():
    draw = Draw("connection request")
    protocol_id, expire = draw.number("protocol id", 64), draw.number("expire", 64)
    nonce, private = draw.bytes("nonce", 24), draw.bytes("private", 1024)
    front = b"\0" + VERSION + struct.pack("<QQ", protocol_id, expire)
    return {
        "type": 0,
        "sequence": "0",
        "protocol_id": str(protocol_id),
        "key": draw.bytes("key", 32).hex(),
        "expire_timestamp": str(expire),
        "nonce": nonce.hex(),
        "data": private.hex(),
        "datagram": (front + nonce + private).hex(),
    }


def sealed_packet(kind, sequence, body, fields, name):
    draw = Draw(name)
    protocol_id, key = draw.number("protocol id", 64), draw.bytes("key", 32)
    count = max(1, (sequence.bit_length() + 7) // 8)
    prefix = bytes([kind | count << 4])
    bound_to = VERSION + struct.pack("<Q", protocol_id) + prefix
    sealed = seal(body, bound_to, packet_nonce(sequence), key)
    return {
        "type": kind,
        "sequence": str(sequence),
        "protocol_id": str(protocol_id),
        "key": key.hex(),
        **fields,
        "datagram": (prefix + sequence.to_bytes(count, "little") + sealed).hex(),
    }


def body_of(kind, draw, payload_bytes):
    """The body of a packet, and its fields."""
    if kind in (2, 3):
        number, token = draw.number("challenge", 64), draw.bytes("token", 300)
        fields = {"challenge_sequence": str(number), "challenge_token": token.hex()}
        return struct.pack("<Q", number) + token, fields
    if kind == 4:
        index, slots = draw.number("index", 32), draw.number("slots", 32)
        return struct.pack("<II", index, slots), {"client_index": index, "max_clients": slots}
    if kind == 5:
        payload = draw.bytes("payload", payload_bytes)
        return payload, {"payload": payload.hex()}
    return b"", {}


def packets():
    cases = [request()]
    for sequence in SEQUENCES:
        for kind in range(1, 7):
            name = f"packet {kind} {sequence}"
            body, fields = body_of(kind, Draw(name), 40)
            cases.append(sealed_packet(kind, sequence, body, fields, name))
    for length in (1, 2, 15, 16, 17, 63, 64, 65, 100, 1199, 1200):
        name = f"payload {length}"
        body, fields = body_of(5, Draw(name), length)
        cases.append(sealed_packet(5, 1000 + length, body, fields, name))
    return cases


def main():
    vectors = {
        "connect_tokens": connect_tokens(),
        "challenge_tokens": challenge_tokens(),
        "packets": packets(),
    }
    path = pathlib.Path(__file__).with_name("netcode-1.02.json")
    path.write_text(json.dumps(vectors, indent=1) + "\n")
    print(", ".join(f"{len(cases)} {name}" for name, cases in vectors.items()))


if __name__ == "__main__":
    main()
