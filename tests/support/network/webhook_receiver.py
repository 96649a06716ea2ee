"""A receiver of webhooks that appends what comes to a file, a JSON object a line, and answers as the path says.

usage: webhook_receiver.py PORT OUT

/ok 200, /hang never, /gone 410, /fail 500, /later 503 with Retry-After: 3 at first and then 200, /redirect 302 to /ok;
what stands behind that makes no difference: /ok/2.
"""
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

lock = threading.Lock()
seen = {}


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with lock:
            seen[self.path] = seen.get(self.path, 0) + 1
            count = seen[self.path]
            with open(sys.argv[2], "a") as out:
                out.write(json.dumps({"path": self.path, "at": time.time(), "body": body.decode(),
                                      "headers": {k.lower(): v for k, v in self.headers.items()}}) + "\n")
        self.answer(self.path.split("/")[1], count)

    def answer(self, word, count):
        status, more = {"ok": (200, {}), "gone": (410, {}), "fail": (500, {}), "redirect": (302, {"Location": "/ok"}),
                        "later": (503, {"Retry-After": "3"}) if count == 1 else (200, {}),
                        "hang": (0, {})}[word]
        if status == 0:
            time.sleep(3600)
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
