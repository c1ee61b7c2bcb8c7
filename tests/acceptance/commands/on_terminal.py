"""Runs a program on a terminal, and copies what it prints: on_terminal.py COLUMNS PROGRAM ARGUMENT...

If the variable TYPED is set, types its text when the program asks a question.
"""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

ours, theirs = pty.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
program = subprocess.Popen(sys.argv[2:], stdin=theirs, stdout=theirs, stderr=theirs)
os.close(theirs)
try:
    while printed := os.read(ours, 65536):
        sys.stdout.buffer.write(printed.replace(b"\r\n", b"\n"))
        if b"[y/N]" in printed and "TYPED" in os.environ:
            os.write(ours, os.environ["TYPED"].encode() + b"\n")
except OSError:
    # Linux reports the end of a terminal as an error.
    pass
sys.exit(program.wait())
