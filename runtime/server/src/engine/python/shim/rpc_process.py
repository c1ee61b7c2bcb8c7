"""What a worker sets back after a call, so that no other call finds what a procedure did to its process."""

import _locale
import _signal
import fcntl
import io
import os
import resource
import sys
from _locale import setlocale as query_locale
from _signal import getsignal as get_handler

# Descriptors of the engine are put at such numbers. A new descriptor gets the lowest free number, so a procedure that
# closes one of them does not get its number for a file, and nothing of the engine's is written to that file.
HIGH_DESCRIPTOR = 1000

# The signals whose handlers programs change.
SIGNALS = (
    _signal.SIGINT, _signal.SIGTERM, _signal.SIGALRM, _signal.SIGCHLD, _signal.SIGHUP, _signal.SIGPIPE, _signal.SIGUSR1,
    _signal.SIGUSR2, _signal.SIGVTALRM, _signal.SIGPROF,
)

# Whoever changes all categories of the locale changes one of these. To look at all of them takes longer.
CATEGORIES = (_locale.LC_CTYPE, _locale.LC_NUMERIC, _locale.LC_TIME)

STREAMS = ("stdin", "stdout", "stderr")

TIMERS = (_signal.ITIMER_REAL, _signal.ITIMER_VIRTUAL, _signal.ITIMER_PROF)


class ProcessState:
    """The state of the process after its service was loaded. What loading has set up stays."""

    def __init__(self):
        self.pid = os.getpid()
        self.streams = [getattr(sys, name) for name in STREAMS]
        self.descriptors = [(fd, move_up(os.dup(fd))) for fd in range(3) if is_open(fd)]
        self.folder = move_up(os.open(".", os.O_PATH | os.O_DIRECTORY))
        self.mask = os.umask(0o077)
        os.umask(self.mask)
        self.locale = _locale.setlocale(_locale.LC_ALL)
        self.categories = list(map(query_locale, CATEGORIES))
        self.handlers = list(map(get_handler, SIGNALS))
        self.timers = list(map(_signal.getitimer, TIMERS))

    def is_child(self):
        """Returns whether this is a process that a procedure has forked."""
        return os.getpid() != self.pid

    def restore(self):
        """Sets the process back. The worker does this after it has answered, so that no caller waits for it. To set a value
        costs no more than to look at it, except for the locale and the handlers."""
        for fd, kept in self.descriptors:
            os.dup2(kept, fd)
        os.fchdir(self.folder)
        os.umask(self.mask)
        if list(map(query_locale, CATEGORIES)) != self.categories:
            _locale.setlocale(_locale.LC_ALL, self.locale)
        if list(map(get_handler, SIGNALS)) != self.handlers:
            self.restore_handlers()
        for place, name in enumerate(STREAMS):
            stream = self.streams[place]
            if getattr(sys, name, None) is not stream or getattr(stream, "closed", False):
                self.restore_stream(place, name)

    def restore_handlers(self):
        """Sets the handlers back. A timer without its handler would kill the process, so timers are set back first."""
        for timer, (delay, interval) in zip(TIMERS, self.timers):
            _signal.setitimer(timer, delay, interval)
        for signal, handler in zip(SIGNALS, self.handlers):
            # `None` is a handler that Python does not know.
            if handler is not None:
                _signal.signal(signal, handler)

    def restore_stream(self, place, name):
        if getattr(self.streams[place], "closed", False):
            self.streams[place] = open_stream(place)
        setattr(sys, name, self.streams[place])


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def move_up(fd):
    """Gives a descriptor a high number, and closes it in programs that the process starts."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = HIGH_DESCRIPTOR if soft == resource.RLIM_INFINITY else max(3, min(HIGH_DESCRIPTOR, soft - 16))
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
    os.close(fd)
    return moved


def open_streams():
    """Opens the standard streams of a worker on the descriptors 0, 1 and 2."""
    for fd, name in enumerate(STREAMS):
        stream = open_stream(fd)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def open_stream(fd):
    if fd == 0:
        return io.TextIOWrapper(io.FileIO(0, "r", closefd=False))
    raw = io.FileIO(fd, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True)


def flush_output():
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:
        pass
