"""Runs the same workloads through Warren and, when $RABBITMQ_URI is set, through RabbitMQ, and prints both.

Called by scripts/bench with the folder of the release binaries. One workload at a time, Warren and
RabbitMQ in turn, everything on loopback and on the same cores as the load tool. Each is run several
times; what is printed is the run with the median rate, or the median latency where the rate is given.
"""

import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

import bench_node

SECONDS = os.environ.get("SECONDS_EACH", "5")
RUNS = int(os.environ.get("RUNS", "3"))

PERSISTENT = ["--size", "1024", "--persistent", "--confirms", "256", "--ack", "each", "--prefetch", "256"]
ONE_QUEUE = "1 KiB persistent, 256 confirms open, ack each"

WORKLOADS = [
    ("16 B transient, auto-ack", []),
    ("1 KiB transient, auto-ack", ["--size", "1024"]),
    (ONE_QUEUE, PERSISTENT),
    ("same, over 100 queues", [*PERSISTENT, "--queues", "100"]),
    ("same, 4 producers, 4 consumers, 4 queues",
     [*PERSISTENT, "--producers", "4", "--consumers", "4", "--queues", "4"]),
    ("1 KiB persistent, 256 confirms open, nobody consumes",
     ["--size", "1024", "--persistent", "--confirms", "256", "--consumers", "0", "--queue", "backlog", "--count", "100000"]),
    ("10,000 msg/s of 16 B transient", ["--rate", "10000"]),
    ("10,000 msg/s of 1 KiB transient", ["--rate", "10000", "--size", "1024"]),
    ("10,000 msg/s of 1 KiB persistent, 256 confirms open, ack each", [*PERSISTENT, "--rate", "10000"]),
]


def load(tool, uri, arguments):
    """One run of the load tool: its report, or None when it failed."""
    command = [tool, "--uri", uri, "--duration", SECONDS, "--json", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=float(SECONDS) + 120)
    if run.returncode != 0:
        print(f"    failed ({run.returncode}): {' '.join(command[1:])}\n    {run.stderr.strip()} {run.stdout.strip()}")
    return json.loads(run.stdout) if run.stdout.startswith("{") else None


def latency(report):
    """To delivery, or to the confirm where nobody consumes."""
    return report["latency_ms" if report["consumed"] else "confirm_ms"]


def rate(report):
    """Messages a second."""
    return report["consumed_per_second" if report["consumed"] else "published_per_second"]


def median(tool, uri, arguments):
    """The run in the middle of several; None when one failed."""
    reports = [load(tool, uri, arguments) for _ in range(RUNS)]
    if None in reports:
        return None
    by = (lambda report: latency(report)["p99"]) if "--rate" in arguments else rate
    return sorted(reports, key=by)[len(reports) // 2]


def row(name, report, memory):
    """One printed line of figures."""
    if report is None:
        return f"    {name:<10} failed"
    times = latency(report)
    confirms = f"  confirm p99 {report['confirm_ms']['p99']:.2f} ms" if report["confirm_ms"]["max"] else ""
    share = report["own_cpu_seconds"] / report["seconds"] / os.cpu_count()
    return (f"    {name:<10}{rate(report):>12,.0f} msg/s   p50 {times['p50']:.2f}  p99 {times['p99']:.2f} ms{confirms}"
            f"   {memory / 2**20:.0f} MiB   tool {share:.0%} of the CPUs"
            f"   lost {report['lost']}, duplicated {report['duplicated']}")


def machine(release):
    """What all this is measured on and of."""
    cpu = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) / 2**20
    version = subprocess.run([f"{release}/warren-broker", "--version"], capture_output=True, text=True).stdout.strip()
    print(f"  {os.cpu_count()} cores of {cpu}, {memory:.0f} GiB, Linux {platform.release()}")
    print(f"  {version}; RabbitMQ {os.environ.get('RABBITMQ_VERSION', 'not measured')}; "
          f"medians of {RUNS} runs of {SECONDS} s")


def compare(tool, warren, table):
    """Every workload through both, into `table`. Returns whether all of Warren's ran."""
    rabbit_uri, rabbit_pid = os.environ.get("RABBITMQ_URI"), os.environ.get("RABBITMQ_PID")
    fine, ours_by_name = True, {}
    for name, arguments in WORKLOADS:
        print(f"\n  {name}\n    warren-load --duration {SECONDS} {' '.join(arguments)}", flush=True)
        ours = ours_by_name[name] = median(tool, warren.uri, arguments)
        print(row("Warren", ours, bench_node.resident(warren.pid)), flush=True)
        fine &= ours is not None
        theirs = median(tool, rabbit_uri, arguments) if rabbit_uri else None
        ratio = ""
        if rabbit_uri:
            print(row("RabbitMQ", theirs, bench_node.resident(rabbit_pid)))
        if ours and theirs and "--rate" not in arguments:
            ratio = f"{rate(ours) / max(rate(theirs), 1):.1f}"
            print(f"    {'':<10}{ratio} times RabbitMQ", flush=True)
        if ours and ours_by_name.get(ONE_QUEUE) and "--queues" in arguments:
            print(f"    {'':<10}{rate(ours) / rate(ours_by_name[ONE_QUEUE]):.0%} of Warren with one queue")
        cells = [f"{rate(one):,.0f}" if one else "" for one in (ours, theirs)]
        cells += [ratio] + [f"{latency(one)['p99']:.2f}" if one else "" for one in (ours, theirs)]
        table.append(f"| {name} | {' | '.join(cells)} |")
    return fine


def main(release):
    table = ["| workload | Warren msg/s | RabbitMQ msg/s | ratio | Warren p99 ms | RabbitMQ p99 ms |", "|---|---|---|---|---|---|"]
    machine(release)
    with tempfile.TemporaryDirectory() as work, open(f"{work}/warren.log", "w") as log:
        warren = bench_node.Warren(f"{release}/warren-broker", f"{work}/data", log)
        try:
            fine = compare(f"{release}/warren-load", warren, table)
        finally:
            warren.stop()
    print("\n  a node on its own")
    for what, figure, goal in bench_node.figures(f"{release}/warren-broker"):
        print(f"    {what:<45}{figure:>16}   {goal}", flush=True)
        table.append(f"| {what} | {figure} | | | | |")
    print("\n" + "\n".join(table))
    print("\n  Memory is what is resident after the run. With a fast consumer many messages are acknowledged before they")
    print("  need be on disk; without one, none are.")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
