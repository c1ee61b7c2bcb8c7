#!/usr/bin/env python3
"""Tests power loss at random moments of an apply. After it, the disk must hold a whole generation, the old or the new.

    sudo tests/power/loss.py target/release [ROUNDS]

A server keeps its data on an ext4 file system in an image, on a loop device. Each round stops an apply and its server
at a random moment and copies the image. The copy lacks what was written but not synced: a power loss also loses the
file system's page cache. Then a server starts from the copy. If the apply had already reported "live", the copy must
hold the new generation.

Needs root, losetup and mkfs.ext4.
"""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

INIT = """\
network:
  servers: {{ server1: {{ ip: 127.0.0.1, port: 1 }} }}
  clients: {{ client1: {{ ip: 127.0.0.1 }} }}
services:
  svc:
    provider: server1
    tenants: [client1]
    rpcs:
{}"""

PROCEDURES = 20
IMAGE_BYTES = 64 << 20


def main():
    programs = pathlib.Path(sys.argv[1]).absolute()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    random.seed(7)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        print(Trial(programs).run(rounds))


class Trial:
    def __init__(self, programs):
        self.programs = programs
        rpcs = (f"      - {{ name: p{n}, returns: int, path: p{n}.py }}\n" for n in range(PROCEDURES))
        pathlib.Path("init.yaml").write_text(INIT.format("".join(rpcs)))
        with open("image", "wb") as image:
            image.truncate(IMAGE_BYTES)
        call("mkfs.ext4", "-q", "-F", "image")

    def run(self, rounds):
        self.write(0)
        found = {"old": 0, "new": 0}
        with Mounted("image", "disk"):
            server = Server(self.programs, "disk/data")
            begin = time.monotonic()
            self.apply(server).communicate()
            longest = time.monotonic() - begin
            for value in range(1, rounds + 1):
                found[self.lose_power(server, value, longest)] += 1
            server.kill()
        counts = f"{found['old']} kept the old generation, {found['new']} the new one"
        return f"{rounds} power losses during an apply: {counts}, none was damaged"

    def lose_power(self, server, value, longest):
        self.write(value)
        applying = self.apply(server)
        time.sleep(random.random() * longest)
        done = applying.poll() == 0
        for process in (server.process, applying):
            process.send_signal(signal.SIGSTOP)
        shutil.copyfile("image", "copy")
        for process in (server.process, applying):
            process.send_signal(signal.SIGCONT)
        applying.communicate()
        assert applying.returncode == 0, f"apply {value} failed"
        with Mounted("copy", "copied"):
            restarted = Server(self.programs, "copied/data")
            values = {restarted.call(f"p{n}") for n in range(PROCEDURES)}
            restarted.kill()
        assert values in ({value - 1}, {value}), f"round {value}: {values}"
        assert not done or values == {value}, f"round {value}: a generation that was reported live is lost"
        return "new" if values == {value} else "old"

    def write(self, value):
        for n in range(PROCEDURES):
            pathlib.Path(f"p{n}.py").write_text(f"def p{n}() -> int:\n    return {value}\n")

    def apply(self, server):
        flags = ["--no-sources", "--server", f"server1={server.address}"]
        command = [self.programs / "initializer", "apply", "init.yaml", *flags]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class Server:
    def __init__(self, programs, data):
        command = [programs / "rpc-server", "--listen", "127.0.0.1:0", "--data", data, "--log-file", "log"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.address = re.fullmatch(r"listening on (\S+)\n", line)[1]

    def call(self, rpc):
        host, port = self.address.split(":")
        request = {"header": "RPC-REQ", "value": {"service": "svc", "rpc": rpc, "arguments": [], "argument-types": []}}
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(connection.makefile().readline())
        return answer["value"]["return-values"][0]

    def kill(self):
        self.process.kill()
        self.process.wait()


class Mounted:
    def __init__(self, image, folder):
        self.image = image
        self.folder = folder

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        # A long commit interval: without a sync, the journal is not committed during the test.
        call("mount", "-o", "loop,commit=600", self.image, self.folder)

    def __exit__(self, *_):
        for _ in range(50):
            if subprocess.run(["umount", self.folder], stderr=subprocess.DEVNULL).returncode == 0:
                return
            # A worker that was killed with its server may still be ending.
            time.sleep(0.1)
        call("umount", self.folder)


def call(*command):
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
