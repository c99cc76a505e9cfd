"""The bakery's till: orders in SQLite, the menu and what is left of it in Redis.

GET /menu shows the menu, POST /orders takes an order, GET /health says whether this process works.
"""

import hashlib
import json
import queue
import signal
import socket
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GOODS = ["roll", "rye loaf", "croissant", "poppy bun", "plum cake"]
# How long Redis may take, in seconds.
PATIENCE = 1.0
LONGEST = 4096


def log(line):
    print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), line, flush=True)


class Redis:
    """A connection that speaks just enough of Redis's protocol. One that failed is thrown away."""

    def __init__(self, address):
        self.stream = socket.create_connection(address, PATIENCE)
        self.answers = self.stream.makefile("rb")

    def ask(self, *words):
        data = [str(word).encode() for word in words]
        lines = [b"*%d" % len(data)]
        for word in data:
            lines += [b"$%d" % len(word), word]
        self.stream.sendall(b"\r\n".join(lines) + b"\r\n")
        kind, rest = (head := self.answers.readline())[:1], head[1:].strip()
        if kind == b"$":
            return None if rest == b"-1" else self.answers.read(int(rest) + 2)[:-2]
        if kind in (b":", b"+"):
            return rest
        raise OSError(f"Redis said {head!r}")


class Till:
    def __init__(self, redis, path):
        self.redis = redis
        self.idle = queue.LifoQueue()
        self.turn = threading.Lock()
        self.orders = sqlite3.connect(path, check_same_thread=False)
        self.orders.execute("create table if not exists orders (text text, receipt text)")

    def menu(self):
        try:
            redis = self.idle.get_nowait()
        except queue.Empty:
            redis = Redis(self.redis)
        guests = int(redis.ask("INCR", "guests"))
        left = {good: int(redis.ask("GET", "left:" + good) or 100) for good in GOODS}
        self.idle.put(redis)
        return {"guest": guests, "left": left}

    def order(self, text):
        receipt = hashlib.pbkdf2_hmac("sha256", text, b"bakery", 2000).hex()
        with self.turn, self.orders:
            self.orders.execute("insert into orders values (?, ?)", (text.decode(errors="replace"), receipt))
        return {"thanks": "we bake it now", "receipt": receipt[:16]}


class Counter(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    till = None

    def answer(self, status, body):
        data = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def guarded(self, status, work):
        try:
            body = work()
        except Exception as error:
            log(f"{self.command} {self.path}: {type(error).__name__}: {error}")
            status, body = 503, {"error": "the bakery is closed for a moment"}
        self.answer(status, body)

    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {"ok": True})
        elif self.path == "/menu":
            self.guarded(200, self.till.menu)
        else:
            self.answer(404, {"error": "no such page"})

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        if self.path != "/orders" or not 0 < length <= LONGEST:
            self.close_connection = True
            self.answer(404, {"error": "order at /orders"})
            return
        text = self.rfile.read(length)
        self.guarded(201, lambda: self.till.order(text))

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def split(address):
    host, port = address.rsplit(":", 1)
    return host, int(port)


def main():
    listen, redis, path = sys.argv[1:]
    # The first process of a container is not ended by a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Counter.till = Till(split(redis), path)
    log(f"listening on {listen}")
    Server(split(listen), Counter).serve_forever()


if __name__ == "__main__":
    main()
