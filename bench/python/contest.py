"""What all peers in Python share: the command line, the measuring and the checking of results.

A peer provides two functions. `serve(listener_ready)` calls `listener_ready(port)` once it listens, and serves forever.
`connect(host, port)` returns a session with `add(a, b)`, `echo(data)` and `close()`.
"""

import json
import os
import sys
import time

MIB = 1 << 20


def main(serve, connect):
    """Serves if the first argument is `serve`. Otherwise runs the job in the second argument and prints its result."""
    if sys.argv[1] == "serve":
        serve(lambda port: print(f"listening on 127.0.0.1:{port}", flush=True))
    else:
        print(json.dumps(measure(json.loads(sys.argv[2]), connect)))
        sys.stdout.flush()
        # Do not wait for threads that a peer leaves behind.
        os._exit(0)


def measure(job, connect):
    host, port = job["address"].rsplit(":", 1)
    server = job["server"]
    begin_session = lambda: connect(host, int(port))
    before = status_kib(server, "VmRSS:")
    if job["work"] == "connect":
        call = connect_call_close(begin_session)
    elif job["work"] == "bytes":
        call = echo(begin_session())
    else:
        call = add(begin_session())
    warm_up(job, call)
    client_cpu, server_cpu = cpu_nanoseconds(os.getpid()), cpu_nanoseconds(server)
    seconds, latencies = window(job, call)
    client_cpu, server_cpu = cpu_nanoseconds(os.getpid()) - client_cpu, cpu_nanoseconds(server) - server_cpu
    calls = len(latencies)
    latencies.sort()
    return {
        "calls": calls,
        "seconds": seconds,
        "p50_us": latencies[calls // 2] / 1000,
        "p99_us": latencies[min(calls - 1, calls * 99 // 100)] / 1000,
        "client_cpu_us": client_cpu / 1000 / calls,
        "server_cpu_us": server_cpu / 1000 / calls,
        "rss_before_kib": before,
        "rss_after_kib": status_kib(server, "VmRSS:"),
        "rss_peak_kib": status_kib(server, "VmHWM:"),
    }


def warm_up(job, call):
    until = time.perf_counter_ns() + nanoseconds(job["warm_up"])
    left = job["warm_up_calls"]
    while left > 0 and time.perf_counter_ns() < until:
        call()
        left -= 1


def window(job, call):
    """Calls until the window ends. Returns its duration in seconds and the latency of every call in nanoseconds."""
    clock = time.perf_counter_ns
    latencies = []
    limit = nanoseconds(job["window"])
    max_calls = job["calls"]
    begin = last = clock()
    while True:
        call()
        now = clock()
        latencies.append(now - last)
        last = now
        if now - begin >= limit or len(latencies) >= max_calls:
            return (now - begin) / 1e9, latencies


def add(session):
    turn = 0

    def call():
        nonlocal turn
        turn += 1
        check(session.add(turn, 7) == turn + 7)

    return call


def echo(session):
    data = bytes(index % 251 for index in range(MIB))
    return lambda: check(session.echo(data) == data)


def connect_call_close(begin_session):
    def call():
        session = begin_session()
        check(session.add(2, 3) == 5)
        session.close()

    return call


def check(is_right):
    if not is_right:
        sys.exit("a call returned a wrong value")


def nanoseconds(duration):
    return duration["secs"] * 1_000_000_000 + duration["nanos"]


def cpu_nanoseconds(process):
    total = 0
    for thread in os.listdir(f"/proc/{process}/task"):
        try:
            with open(f"/proc/{process}/task/{thread}/schedstat") as statistics:
                total += int(statistics.read().split()[0])
        except FileNotFoundError:
            pass  # The thread ended in the meantime.
    return total


def status_kib(process, key):
    with open(f"/proc/{process}/status") as lines:
        for line in lines:
            if line.startswith(key):
                return int(line.split()[1])
    return None
