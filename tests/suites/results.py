"""What a suite's runner reported, as {test: "passed" | "failed" | "skipped"}."""

import json
import pathlib
import re
import xml.etree.ElementTree as xml


def junit(out):
    """JUnit XML, as pytest writes it to OUT.xml. A test that is run again counts with its last run."""
    outcomes = {}
    for case in xml.parse(f"{out}.xml").getroot().iter("testcase"):
        children = {child.tag for child in case}
        outcome = "failed" if children & {"failure", "error"} else "skipped" if "skipped" in children else "passed"
        outcomes[f"{case.get('classname')}::{case.get('name')}"] = outcome
    return outcomes


def mocha(out):
    """Mocha's JSON report, after whatever the tests printed."""
    text = pathlib.Path(f"{out}.log").read_text()
    report = json.loads(text[text.index('{\n  "stats"'):])
    kinds = (("passes", "passed"), ("pending", "skipped"), ("failures", "failed"))
    return {f"{test['file'].rsplit('/', 1)[-1]}: {test['fullTitle']}": outcome for kind, outcome in kinds for test in report[kind]}


def go(out):
    """The lines of `go test -v`."""
    text = pathlib.Path(f"{out}.log").read_text()
    words = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}
    return {name: words[word] for word, name in re.findall(r"^--- (PASS|FAIL|SKIP): (\S+)", text, re.M)}


def rspec(out):
    """RSpec's JSON report. Examples of one name are told apart by their lines."""
    report = json.loads(pathlib.Path(f"{out}.json").read_text())
    words = {"passed": "passed", "failed": "failed", "pending": "skipped"}
    return {f"{each['full_description']} ({each['file_path']}:{each['line_number']})": words[each["status"]] for each in report["examples"]}


def junit4(out):
    """JUnit 4's text: how many ran in each class, and the failed ones by name."""
    text = pathlib.Path(f"{out}.log").read_text()
    outcomes = {}
    for section in text.split("CLASS ")[1:]:
        name = section.splitlines()[0]
        failed = set(re.findall(r"^\d+\) (\S+?)\(", section, re.M))
        ran = re.search(r"^(?:OK \((\d+) tests?\)|Tests run: (\d+),)", section, re.M)
        # A class that was stopped for taking too long has no sum.
        failed |= set() if ran else {"stopped"}
        count = int(ran[1] or ran[2]) if ran else len(failed)
        outcomes |= {f"{name}.{test}": "failed" for test in failed}
        outcomes |= {f"{name} #{number}": "passed" for number in range(count - len(failed))}
    return outcomes
