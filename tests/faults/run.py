#!/usr/bin/env python3
"""Runs every test that docs/FAULTS.md names, and prints a line for each fault. Exit status 1: a test failed.

    tests/faults/run.py [--rows 3,12] [--full] [--fuzz-seconds N]

A result is `ok`, `FAILED`, `left out` (this machine does not allow it) or `later` (nothing to test so far). A fault
of which only a part could be tested is `ok`, and the reason stands behind it.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "FAULTS.md"

# How cargo runs the tests of a suite.
SUITES = {
    "acceptance": ["-p", "rpc-cli", "--test", "acceptance"],
    "client": ["-p", "rpc-runtime-client", "--lib"],
    "deploy": ["-p", "rpc-runtime-deploy", "--lib"],
    "schema": ["-p", "rpc-schema", "--lib"],
    "server": ["-p", "rpc-runtime-server", "--lib"],
    "tls": ["-p", "rpc-runtime-tls", "--test", "handshakes"],
    "wire": ["-p", "rpc-runtime-wire", "--lib"],
}

# Time limit of a suite or a program, in seconds.
PATIENCE_S = 3600

# The environment variable that selects the large sizes; see `tests/acceptance/harness/size.rs`.
SIZE = "RPC_FAULTS"

OK, FAILED, LEFT_OUT, LATER = "ok", "FAILED", "left out", "later"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", help="numbers of faults, separated by commas; all by default")
    parser.add_argument("--full", action="store_true", help="large sizes: minutes instead of seconds")
    parser.add_argument("--fuzz-seconds", type=int, default=2, help="seconds for each fuzz target")
    options = parser.parse_args()
    rows = read_page(PAGE.read_text())
    if options.rows:
        wanted = {int(number) for number in options.rows.split(",")}
        rows = [row for row in rows if row["number"] in wanted]
    if options.full:
        os.environ[SIZE] = "full"
    results = run_all(rows, options)
    return print_table(rows, results)


def read_page(text):
    """Returns the faults of the page: number, title, tests as (suite, name), and what comes later."""
    rows = []
    for line in text.splitlines():
        if heading := re.fullmatch(r"### (\d+)\. (.+)", line):
            rows.append({"number": int(heading[1]), "title": heading[2], "tests": [], "later": []})
        elif later := re.fullmatch(r"- later: (.+)", line):
            rows[-1]["later"].append(later[1])
        elif test := re.fullmatch(r"- (\w+) `(.+)`", line):
            rows[-1]["tests"].append((test[1], test[2]))
        elif line.startswith("- "):
            sys.exit(f"error: {PAGE}: cannot read the line: {line}")
    return rows


def run_all(rows, options):
    """Returns the result of each test: a pair of a result and a reason."""
    by_suite = {}
    for row in rows:
        for suite, name in row["tests"]:
            by_suite.setdefault(suite, {})[name] = None
    results = {}
    for suite, names in by_suite.items():
        if suite == "program":
            found = {name: run_program(name, options) for name in names}
        elif suite == "fuzz":
            found = {name: run_fuzz(name, options) for name in names}
        else:
            found = run_suite(suite, list(names))
        results.update({(suite, name): result for name, result in found.items()})
    return results


def run_suite(suite, names):
    command = ["cargo", "test", "--locked", *SUITES[suite], "--", "--exact", "--show-output", *names]
    print(f"== {suite}: {len(names)} tests", flush=True)
    output = run(command)
    found = dict(re.findall(r"^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)", output, re.M))
    said = dict(re.findall(r"^---- (\S+) stdout ----\n(?:.*\n)*?left out: (.+)$", sections(output), re.M))
    results = {}
    for name in names:
        if name in said and found.get(name) == "ok":
            results[name] = (LEFT_OUT, said[name])
        elif found.get(name) == "ok":
            results[name] = (OK, "")
        else:
            results[name] = (FAILED, f"{suite} {name}: {found.get(name, 'there is no such test')}")
    if any(result == FAILED for result, _ in results.values()):
        print(output)
    return results


def sections(output):
    """Returns the outputs of tests, of which each has a blank line before its heading."""
    return "\n".join(part for part in output.split("\n\n") if "stdout ----" in part)


def run_fuzz(name, options):
    seconds = str(options.fuzz_seconds)
    print(f"== fuzz: {name} for {seconds} s", flush=True)
    command = ["cargo", "run", "--release", "--locked", "--no-default-features", "--", "--seconds", seconds]
    output = run([*command, "--target", name], ROOT / "fuzz")
    if re.search(rf"^{name}: \d+ cases, no failure$", output, re.M):
        return (OK, "")
    print(output)
    return (FAILED, f"fuzz {name}")


def run_program(name, options):
    print(f"== {name}", flush=True)
    missing = missing_for(name)
    if missing:
        return (LEFT_OUT, missing)
    run(["cargo", "build", "--locked", "-p", "rpc-cli", "--bins"])
    metadata = json.loads(run(["cargo", "metadata", "--format-version", "1", "--no-deps"], errors=False))
    programs = str(pathlib.Path(metadata["target_directory"]) / "debug")
    arguments = {"tests/power/loss.py": ["100" if options.full else "10"]}.get(name, [])
    status, output = run_with_status([str(ROOT / name), programs, *arguments])
    if status == 0:
        return (OK, "")
    print(output)
    return (FAILED, f"{name} ended with status {status}")


def missing_for(name):
    """Returns what a program needs that this machine does not have, or an empty text."""
    if name == "tests/power/loss.py":
        if os.geteuid() != 0:
            return "needs root"
        tools = [tool for tool in ("losetup", "mkfs.ext4") if not shutil.which(tool)]
        return f"there is no {' and no '.join(tools)} here" if tools else loop_device()
    browsers = ("chromium", "chromium-browser", "google-chrome")
    if not os.environ.get("CHROMIUM") and not any(map(shutil.which, browsers)):
        return "there is no chromium here"
    return ""


def loop_device():
    free = subprocess.run(["losetup", "--find"], capture_output=True, text=True)
    return "" if free.returncode == 0 else "there is no loop device here"


def run(command, folder=ROOT, errors=True):
    return run_with_status(command, folder, errors)[1]


def run_with_status(command, folder=ROOT, errors=True):
    stderr = subprocess.STDOUT if errors else None
    try:
        ended = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=stderr, timeout=PATIENCE_S,
            stdin=subprocess.DEVNULL, text=True, errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        return (-1, f"{error}\n{error.stdout}")
    return (ended.returncode, ended.stdout)


def print_table(rows, results):
    width = max((len(row["title"]) for row in rows), default=0)
    counts = {}
    for row in rows:
        found = [results[test] for test in row["tests"]]
        result, reasons = judge(found, row["later"])
        counts[result] = counts.get(result, 0) + 1
        tests = f"{len(found)} test{'s' if len(found) != 1 else ''}" if result == OK else ""
        details = "; ".join(filter(None, [tests, *reasons]))
        print(f"{row['number']:3}  {row['title']:{width}}  {result:8}  {details}".rstrip())
    print(", ".join(f"{count} {result}" for result, count in counts.items()))
    return 1 if FAILED in counts else 0


def judge(found, later):
    """Returns the result of a fault, and the reasons that belong to it."""
    kinds = [result for result, _ in found]
    failed = [reason for result, reason in found if result == FAILED]
    if failed:
        return FAILED, failed
    reasons = [f"left out: {reason}" for result, reason in found if result == LEFT_OUT]
    if OK in kinds:
        return OK, reasons + [f"later: {what}" for what in later]
    if LEFT_OUT in kinds:
        return LEFT_OUT, [reason.removeprefix("left out: ") for reason in reasons]
    return LATER, later


if __name__ == "__main__":
    sys.exit(main())
