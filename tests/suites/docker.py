"""Answers as a Docker host would, and hands out the broker that runs already as every container.

Some suites start their broker in a container. This lets them run as they are: a container that they
ask for "runs" at once, and each of its ports is the same port of the loopback address.
"""

import http.server
import json
import threading


class Host(http.server.BaseHTTPRequestHandler):
    """The few calls that a test suite makes: pull, create, start, inspect, kill, remove."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):  # noqa: N802, the name is the base class's
        ports = {f"{port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}] for port in (5672, 5671, 15672)}
        self.answer({"Id": "broker", "State": {"Running": True}, "NetworkSettings": {"Ports": ports}})

    def do_POST(self):  # noqa: N802
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer({"Id": "broker"})

    def do_DELETE(self):  # noqa: N802
        self.answer({})

    def answer(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def start():
    """Starts answering on a free port and returns the address for $DOCKER_HOST."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"tcp://127.0.0.1:{server.server_port}"
