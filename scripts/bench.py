"""Runs the same workloads through Warren and, when $RABBITMQ_URI is set, through RabbitMQ, and prints both.

Called by scripts/bench with the folder of the release binaries. One workload at a time, Warren and
RabbitMQ in turn, everything on loopback and on the same cores as the load tool.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

SECONDS = os.environ.get("SECONDS_EACH", "5")

WORKLOADS = [
    ("16 B transient, auto-ack", []),
    ("1 KiB transient, auto-ack", ["--size", "1024"]),
    ("1 KiB persistent, 256 confirms, ack each",
     ["--size", "1024", "--persistent", "--confirms", "256", "--ack", "each", "--prefetch", "256"]),
    ("same, 4 producers, 4 consumers, 4 queues",
     ["--size", "1024", "--persistent", "--confirms", "256", "--ack", "each", "--prefetch", "256",
      "--producers", "4", "--consumers", "4", "--queues", "4"]),
    ("1 KiB persistent, 256 confirms, nobody consumes",
     ["--size", "1024", "--persistent", "--confirms", "256", "--consumers", "0", "--queue", "backlog", "--count", "100000"]),
    ("latency at 10,000 msg/s, 16 B transient", ["--rate", "10000"]),
]


def load(tool, uri, arguments):
    """One run of the load tool: its report, or None when it failed."""
    command = [tool, "--uri", uri, "--duration", SECONDS, "--json", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=float(SECONDS) + 120)
    if run.returncode != 0:
        print(f"    failed ({run.returncode}): {' '.join(command[1:])}\n    {run.stderr.strip()} {run.stdout.strip()}")
    return json.loads(run.stdout) if run.stdout.startswith("{") else None


def resident(pid):
    """Resident memory of a process and those it started, in MiB, now."""
    total = 0
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                total += int(line.split()[1]) // 1024
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            total += resident(child)
    except FileNotFoundError:
        pass
    return total


def start_warren(binary, data_dir, log):
    """Starts a broker on a port of its own and returns the process and its address."""
    address = f"127.77.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
    process = subprocess.Popen(
        [binary, "--listen", f"{address}:5672", "--management-listen", f"{address}:15672",
         "--metrics-listen", f"{address}:15692", "--data-dir", data_dir],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    for _ in range(100):
        try:
            socket.create_connection((address, 5672), 1).close()
            return process, f"amqp://guest:guest@{address}:5672"
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    process.kill()
    sys.exit("error: warren-broker did not start; its log:\n" + pathlib.Path(log.name).read_text())


def row(name, report, memory):
    """One printed line of figures."""
    if report is None:
        return f"    {name:<10} failed"
    latency = report["latency_ms"] if report["consumed"] else report["confirm_ms"]
    confirms = f"  confirm p99 {report['confirm_ms']['p99']:.2f} ms" if report["confirm_ms"]["max"] else ""
    return (f"    {name:<10}{report['published_per_second']:>12,.0f} in/s {report['consumed_per_second']:>12,.0f} out/s"
            f"   p50 {latency['p50']:.2f}  p99 {latency['p99']:.2f} ms{confirms}"
            f"   {memory} MiB   lost {report['lost']}, duplicated {report['duplicated']}")


def main(release):
    tool = f"{release}/warren-load"
    rabbit_uri, rabbit_pid = os.environ.get("RABBITMQ_URI"), os.environ.get("RABBITMQ_PID")
    failed = False
    with tempfile.TemporaryDirectory() as work:
        log = open(f"{work}/warren.log", "w")
        warren, warren_uri = start_warren(f"{release}/warren-broker", f"{work}/data", log)
        try:
            for name, arguments in WORKLOADS:
                print(f"\n  {name}\n    warren-load {' '.join(arguments)}", flush=True)
                ours = load(tool, warren_uri, arguments)
                print(row("Warren", ours, resident(warren.pid)), flush=True)
                failed |= ours is None
                if rabbit_uri:
                    theirs = load(tool, rabbit_uri, arguments)
                    print(row("RabbitMQ", theirs, resident(rabbit_pid)))
                    if ours and theirs and "--rate" not in arguments:
                        measure = "consumed_per_second" if ours["consumed"] else "published_per_second"
                        ratio = ours[measure] / max(theirs[measure], 1)
                        print(f"    {'':<10}{ratio:.1f} times RabbitMQ", flush=True)
        finally:
            warren.terminate()
            try:
                warren.wait(20)
            except subprocess.TimeoutExpired:
                warren.kill()
    print("\n  Figures of one run on this machine, load tool included. Memory is what is resident after the run.")
    print("  With a fast consumer many messages are acknowledged before they need be on disk; without one, none are.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
