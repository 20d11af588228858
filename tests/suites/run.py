"""Runs the suites of other people's AMQP clients against RabbitMQ and Warren, and prints what passes.

Usage: run.py WARREN_BINARY RABBITMQ_ROOT [NAME…]   (called by scripts/suites)

Ends with 1 if Warren fails a test that RabbitMQ passes, unless tests/suites/known.txt says why.
"""

import json
import os
import pathlib
import subprocess
import sys

import catalog
import fetch

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 1800
NAMESPACE = ["unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]


def known():
    """Tests that pass on RabbitMQ alone, each with its reason: `SUITE | PART OF THE NAME | REASON`."""
    lines = (HERE / "known.txt").read_text().splitlines()
    return [[part.strip() for part in line.split("|")] for line in lines if line.strip() and not line.startswith("#")]


def outcomes(suite, source, kind, where):
    """Runs one suite against one broker."""
    out = fetch.CACHE / "results" / f"{suite.name.replace(' ', '-')}.{kind}"
    out.parent.mkdir(exist_ok=True)
    words = {"out": out, "venv": fetch.CACHE / suite.venv, "cache": fetch.CACHE}
    command = [str(part).format(**words) for part in suite.command]
    runner = [*NAMESPACE, sys.executable, HERE / "broker.py", out, kind, where, "--", *command]
    environment = {**os.environ, **suite.environment}
    try:
        subprocess.run(runner, cwd=source, env=environment, timeout=LIMIT, check=False)
        return suite.read(out)
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        print(f"    {suite.name} on {kind}: {error}", file=sys.stderr)
        return {}


def judge(suite, brokers):
    """One suite on both brokers: a row of the table, and the tests that only Warren fails."""
    fetch.check_needs(suite)
    if suite.command[0].startswith("{venv}"):
        fetch.python(suite.venv)
    if suite.origin == "npm":
        fetch.node()
    source = fetch.unpacked(suite)
    if suite.prepare:
        fetch.run(*(part.format(cache=fetch.CACHE) for part in suite.prepare), cwd=source)
    seen = {kind: outcomes(suite, source, kind, where) for kind, where in brokers}
    passed = {kind: sum(outcome == "passed" for outcome in tests.values()) for kind, tests in seen.items()}
    failed = {kind: {name for name, outcome in tests.items() if outcome == "failed"} for kind, tests in seen.items()}
    row = {"suite": suite.name, "version": suite.version, "passed": passed, "failed": {kind: len(names) for kind, names in failed.items()},
           "only_warren_fails": sorted(failed["warren"] - failed["rabbitmq"]), "left_out": suite.left_out}
    return row


def main():
    warren, rabbitmq, *names = sys.argv[1:]
    brokers = [("rabbitmq", rabbitmq), ("warren", warren)]
    excuses, rows, undone, bad = known(), [], [], 0
    for suite in catalog.SUITES:
        if names and suite.name not in names:
            continue
        print(f"==> {suite.name} {suite.version}", flush=True)
        try:
            row = judge(suite, brokers)
        except fetch.Missing as missing:
            undone.append(f"{suite.name}: {missing}")
            continue
        rows.append(row)
        for test in row["only_warren_fails"]:
            reasons = [reason for name, part, reason in excuses if name == suite.name and part in test]
            bad += not reasons
            print(f"    only Warren fails: {test}{' (' + reasons[0] + ')' if reasons else ''}")
        if not row["passed"]["warren"]:
            bad += 1
    (fetch.CACHE / "results.json").write_text(json.dumps(rows, indent=1))
    print(f"\n{'suite':24} {'version':9} {'RabbitMQ 3.10':>15} {'Warren':>15}   passed, failed")
    for row in rows:
        cells = [f"{row['passed'][kind]}, {row['failed'][kind]}" for kind in ("rabbitmq", "warren")]
        print(f"{row['suite']:24} {row['version']:9} {cells[0]:>15} {cells[1]:>15}")
    for each in undone:
        print(f"==> not done: {each}", file=sys.stderr)
    print(f"\n{len(rows) - min(bad, len(rows))} passed, {bad} failed")
    sys.exit(1 if bad else 0)


main()
