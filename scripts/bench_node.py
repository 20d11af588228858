"""What a node costs before it does anything: started, idle, with connections, with queues."""

import os
import pathlib
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import amqp

CONNECTIONS = int(os.environ.get("IDLE_CONNECTIONS", "10000"))
QUEUES = int(os.environ.get("IDLE_QUEUES", "100000"))
STARTS = 11


def resident(pid):
    """Resident bytes of a process and those it started, now."""
    total = 0
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                total += int(line.split()[1]) * 1024
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            total += resident(child)
    except FileNotFoundError:
        pass
    return total


class Warren:
    """A broker of this run, at an address of its own."""

    def __init__(self, binary, data_dir, log, patience=60):
        self.host = f"127.77.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
        self.uri = f"amqp://guest:guest@{self.host}:5672"
        began = time.monotonic()
        self.process = subprocess.Popen(
            [binary, "--listen", f"{self.host}:5672", "--management-listen", f"{self.host}:15672",
             "--metrics-listen", f"{self.host}:15692", "--data-dir", data_dir, "--exit-on-stdin-eof"],
            stdin=subprocess.PIPE, stdout=log, stderr=log)
        self.pid = self.process.pid
        while time.monotonic() < began + patience:
            try:
                with socket.create_connection((self.host, 5672), 1) as greeted:
                    greeted.sendall(b"AMQP\0\0\x09\x01")
                    if greeted.recv(1):
                        self.start_seconds = time.monotonic() - began
                        return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.001)
        self.process.kill()
        sys.exit("error: warren-broker did not start; its log:\n" + pathlib.Path(log.name).read_text())

    def stop(self):
        """Ends it in an orderly way, or else at once."""
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def figures(binary):
    """Lines of (what, figure, goal)."""
    with tempfile.TemporaryDirectory() as work, open(f"{work}/log", "w") as log:
        starts = []
        for number in range(STARTS):
            node = Warren(binary, f"{work}/empty-{number}", log)
            starts.append(node.start_seconds * 1000)
            if number < STARTS - 1:
                node.stop()
        yield "start of an empty node, to its greeting", f"{statistics.median(starts):.1f} ms", "< 100 ms"
        time.sleep(2)
        idle = resident(node.pid)
        yield "resident, idle", f"{idle / 2**20:.1f} MiB", "< 20 MiB"
        yield connections(node)
        node.stop()
        yield from queues(binary, work, log)


def connections(node):
    """Memory of connections that do nothing."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(CONNECTIONS, hard - 200)
    before = resident(node.pid)
    opened = [amqp.Connection(node.host, 5672) for _ in range(count)]
    time.sleep(3)
    each = (resident(node.pid) - before) / count
    for connection in opened:
        connection.socket.close()
    time.sleep(1)
    return f"resident, each of {count:,} idle connections", f"{each / 1024:.1f} KiB", "< 20 KiB"


def queues(binary, work, log):
    """Memory of durable queues that hold nothing, and a start with them."""
    node = Warren(binary, f"{work}/queues", log)
    client = amqp.Connection(node.host, 5672)
    client.open_channel()
    client.declare(["warm"])
    before = resident(node.pid)
    names = [f"queue-{number:06}" for number in range(QUEUES)]
    began = time.monotonic()
    client.declare(names)
    declared = time.monotonic() - began
    time.sleep(3)
    each = (resident(node.pid) - before) / QUEUES
    yield f"declaring {QUEUES:,} durable queues", f"{QUEUES / declared:,.0f} a second", ""
    yield "resident, each of them", f"{each / 1024:.2f} KiB", "< 2 KiB"
    node.stop()
    began = time.monotonic()
    node = Warren(binary, f"{work}/queues", log)
    client = amqp.Connection(node.host, 5672)
    client.open_channel()
    client.declare([names[-1]], passive=True)
    yield "start with them, to the first answer", f"{time.monotonic() - began:.2f} s", "< 5 s"
    yield "resident after that start, each", f"{resident(node.pid) / QUEUES / 1024:.2f} KiB", "< 2 KiB"
    node.stop()
