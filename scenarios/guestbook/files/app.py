"""A guest book: entries in PostgreSQL, a counter and the last page in Redis.

GET /entries reads, POST /entries signs, GET /health says whether this process works, GET /metrics counts.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2
import redis

LONGEST = 64 * 1024
counts = {"read": 0, "signed": 0, "queued": 0, "failed": 0}
# Requests by status, how long they took, and how many are being answered.
answered = {}
BOUNDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5]
within = [0] * (len(BOUNDS) + 1)
in_flight = 0
tally = threading.Lock()
settings = {}


def log(line):
    print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), line, flush=True)


def read_settings(*_):
    found = {}
    with open(sys.argv[1]) as file:
        for line in file:
            line = line.split("#")[0].strip()
            if line:
                key, value = line.split("=", 1)
                found[key.strip()] = value.strip()
    settings.update(found)
    log(f"settings: {found}")


def split(address):
    host, port = address.rsplit(":", 1)
    return host, int(port)


class Pool:
    """Connections to PostgreSQL. One that failed is thrown away."""

    def __init__(self):
        self.idle = queue.LifoQueue()

    def run(self, work):
        try:
            connection = self.idle.get_nowait()
        except queue.Empty:
            host, port = split(os.environ["POSTGRES"])
            connection = psycopg2.connect(
                host=host, port=port, user="guestbook", dbname="postgres", connect_timeout=2
            )
        try:
            with connection.cursor() as cursor:
                answer = work(cursor)
            connection.commit()
        except Exception:
            connection.close()
            raise
        self.idle.put(connection)
        return answer


pool = Pool()


def cache():
    host, port = split(os.environ["REDIS"])
    wait = int(settings["redis_timeout_ms"]) / 1000
    return redis.Redis(host=host, port=port, socket_timeout=wait, socket_connect_timeout=wait)


local = threading.local()


def redis_here():
    if getattr(local, "redis", None) is None:
        local.redis = cache()
    return local.redis


def insert(text):
    return pool.run(lambda cursor: cursor.execute("insert into entries (text) values (%s)", (text,)))


def latest():
    def work(cursor):
        cursor.execute("select id, text from entries order by id desc limit 10")
        return [{"id": number, "text": text[:80]} for number, text in cursor.fetchall()]

    return pool.run(work)


def drain():
    """Writes queued signatures into the database, one after the other."""
    client = None
    while True:
        try:
            client = client or cache()
            text = client.lindex("waiting", 0)
            if text is None:
                time.sleep(0.2)
                continue
            insert(text.decode())
            client.lpop("waiting")
        except Exception as error:
            log(f"could not write a queued signature: {error}")
            client = None
            time.sleep(1)


def metrics():
    """The golden signals in Prometheus text format, and the counts of pages."""
    with tally:
        lines = [f'http_requests_total{{status="{status}"}} {count}' for status, count in answered.items()]
        total = 0
        for bound, count in zip(BOUNDS + ["+Inf"], within):
            total += count
            lines.append(f'http_request_duration_seconds_bucket{{le="{bound}"}} {total}')
        lines.append(f"http_requests_in_flight {in_flight}")
    lines += [f'guestbook_requests_total{{did="{did}"}} {count}' for did, count in counts.items()]
    return "\n".join(lines) + "\n"


class Book(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status = 0

    def answer(self, status, body):
        self.status = status
        self.send("application/json", status, json.dumps(body).encode() + b"\n")

    def send(self, kind, status, data):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {"ok": True})
        elif self.path == "/metrics":
            self.send("text/plain; version=0.0.4", 200, metrics().encode())
        elif self.path == "/entries":
            self.guarded(self.read)
        else:
            self.answer(404, {"error": "no such page"})

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        if self.path != "/entries" or not 0 < length <= LONGEST:
            self.close_connection = True
            self.answer(404, {"error": "sign at /entries"})
            return
        text = self.rfile.read(length).decode(errors="replace").replace("\0", "")
        self.guarded(lambda: self.sign(text))

    def guarded(self, work):
        global in_flight
        began = time.monotonic()
        with tally:
            in_flight += 1
        try:
            work()
        except Exception as error:
            counts["failed"] += 1
            log(f"{self.command} {self.path}: {type(error).__name__}: {str(error).strip()}")
            self.answer(503, {"error": "the guest book is closed for a moment"})
        finally:
            took = time.monotonic() - began
            with tally:
                in_flight -= 1
                answered[self.status] = answered.get(self.status, 0) + 1
                within[next((i for i, bound in enumerate(BOUNDS) if took <= bound), len(BOUNDS))] += 1

    def read(self):
        client = redis_here()
        visits = client.incr("visits")
        page = client.get("page")
        if page is None:
            page = json.dumps(latest())
            client.set("page", page, px=int(settings["cache_ms"]))
        counts["read"] += 1
        self.answer(200, {"visits": visits, "entries": json.loads(page)})

    def sign(self, text):
        if settings.get("writes") == "queued":
            redis_here().rpush("waiting", text)
            counts["queued"] += 1
            self.answer(202, {"thanks": "your words appear soon"})
        else:
            insert(text)
            counts["signed"] += 1
            self.answer(201, {"thanks": "your words are in the book"})

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def main():
    read_settings()
    signal.signal(signal.SIGHUP, read_settings)
    with open(os.environ["SCHEMA"]) as file:
        schema = file.read()
    pool.run(lambda cursor: cursor.execute(schema))
    threading.Thread(target=drain, daemon=True).start()
    log(f"listening on {os.environ['LISTEN']}")
    Server(split(os.environ["LISTEN"]), Book).serve_forever()


if __name__ == "__main__":
    main()
