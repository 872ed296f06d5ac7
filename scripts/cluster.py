"""The measurements of scripts/cluster, by the standard library alone.

rate KIND BEFORE AFTER FILES: sums up what load tests that ran at once have measured.
cross COUNT ALONE X Y: how long a message takes from one client to another, by the URLs of a server without a
cluster and of two nodes; the tokens are in the environment as `alice` and `bob`.
"""

import base64
import json
import os
import socket
import sys
import time


class Client:
    """A WebSocket that blocks; its messages are short."""

    count = 0

    def __init__(self, url, room, token):
        host, port = url.removeprefix("ws://").split(":")
        self.socket = socket.create_connection((host, int(port)), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /v1/chat/{room} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        while self.stream.readline() not in (b"\r\n", b""):
            pass
        self.send("auth", {"token": token})
        answer = self.receive()
        if "session" not in answer["payload"]:
            sys.exit(f"not in: {answer}")

    def send(self, kind, payload):
        Client.count += 1
        message = {"type": kind, "id": f"m{Client.count}", "timestamp": "2026-11-29T00:00:00Z", "payload": payload}
        text = json.dumps(message).encode()
        length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
        # A mask of zeros leaves the text as it is.
        self.socket.sendall(b"\x81" + length + bytes(4) + text)

    def receive(self):
        while True:
            head = self.stream.read(2)
            length = head[1] & 127
            if length > 125:
                length = int.from_bytes(self.stream.read(2 if length == 126 else 8), "big")
            body = self.stream.read(length)
            if head[0] & 15 == 1:
                return json.loads(body)
            if head[0] & 15 == 8:
                sys.exit(f"closed: {body!r}")


def cross(count, alone, x, y):
    pairs = [
        ("a server without a cluster", alone, alone),
        ("cluster, the same node", x, x),
        ("cluster, another node", x, y),
    ]
    pairs = [
        (what, Client(a, f"room{place}", os.environ["alice"]), Client(b, f"room{place}", os.environ["bob"]), [], [])
        for place, (what, a, b) in enumerate(pairs)
    ]
    # In turns, so that whatever else the machine does falls on all alike.
    for number in range(count + 100):
        for _, alice, bob, heard, answered in pairs:
            began = time.perf_counter_ns()
            alice.send("chat_message", {"content": f"message {number}"})
            while bob.receive()["type"] != "chat_message":
                pass
            middle = time.perf_counter_ns()
            while alice.receive()["payload"].get("request_id") is None:
                pass
            if number >= 100:
                heard.append((middle - began) / 1e6)
                answered.append((time.perf_counter_ns() - began) / 1e6)
    for what, _, _, heard, answered in pairs:
        heard.sort()
        answered.sort()
        at = lambda list, part: list[min(int(len(list) * part), len(list) - 1)]
        print(
            f"{what:28} delivered p50 {at(heard, 0.5):.3f} ms, p99 {at(heard, 0.99):.3f} ms;"
            f" answered p50 {at(answered, 0.5):.3f} ms, p99 {at(answered, 0.99):.3f} ms"
        )


def rate(kind, before, after, files):
    reports = [json.load(open(file)) for file in files]
    operations = sum(report["operations"] for report in reports)
    second = sum(report["operations_per_second"] for report in reports)
    cpu = sum(report["operations"] * report["server"]["cpu_us_per_operation"] for report in reports) / operations
    # Some of them are the engine's for the warm-up.
    engine = (after - before) / 1e3 / operations
    worst = {part: max(report["latency_us"][part] for report in reports) / 1e3 for part in ("p50", "p99")}
    failed = sum(report["failed"] for report in reports)
    nodes = {1: "1 node"}.get(len(files), f"{len(files)} nodes")
    what = "a server without a cluster" if kind == "single" else f"cluster, {nodes}"
    print(
        f"{what:28} {second:8,.0f} messages/s; CPU of one message: nodes {cpu:.1f} us, engine"
        f" {engine:.1f} us; answered p50 {worst['p50']:.2f} ms, p99 {worst['p99']:.2f} ms"
    )
    if failed:
        sys.exit(f"{failed} failed: {reports}")


if __name__ == "__main__":
    if sys.argv[1] == "rate":
        rate(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
    else:
        cross(int(sys.argv[2]), *sys.argv[3:])
