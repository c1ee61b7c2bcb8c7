"""The zygote: a process with one thread and without code of a service. Python's `site` has run in it. It forks workers.

Its standard input is a SOCK_SEQPACKET socket to the server. A datagram with the number of a worker (u32, little-endian)
and three descriptors (requests, answers, output) makes a worker. The zygote sends JSON datagrams when a worker begins
and when it ends. When the socket closes, the zygote kills all workers.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from rpc_codec import U32
from rpc_modules import hide_engine
from rpc_process import flush_output, open_streams
from rpc_worker import work

hide_engine()

if sys.version_info < (3, 11):
    # There is no `-P` yet. Without it, a process that `multiprocessing` starts searches the working folder first.
    import subprocess

    flags_of_python = subprocess._args_from_interpreter_flags
    subprocess._args_from_interpreter_flags = lambda: ["-I", *flags_of_python()]


class Zygote:
    def __init__(self):
        # A session without a terminal, so that Ctrl-C reaches only the server. The workers stay in it, each in a process
        # group of its own. If each had a session, each would be a group of the kernel's scheduler too (autogroup), and
        # Linux 6.18 then lets some of them wait for half a minute while others run.
        os.setsid()
        self.control = socket.socket(fileno=0)
        self.workers = {}
        self.wake_read, self.wake_write = os.pipe()
        for fd in (self.wake_read, self.wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self):
        gc.collect()
        gc.freeze()
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.wake_read, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self.wake_read:
                    os.read(self.wake_read, 4096)
                    self.reap()
                elif not self.receive():
                    return self.end()

    def receive(self):
        """Receives a request and forks a worker. Returns whether the socket is still open."""
        try:
            message, fds, _, _ = socket.recv_fds(self.control, 4096, 3)
        except ConnectionError:
            # The server has been killed.
            return False
        if not message:
            return False
        worker_id = U32.unpack(message)[0]
        try:
            pid = os.fork()
        except OSError as error:
            self.send_event({"worker": worker_id, "error": str(error)})
            pid = None
        if pid == 0:
            self.become_worker(*fds)
        for fd in fds:
            os.close(fd)
        if pid is not None:
            self.workers[pid] = worker_id
            self.send_event({"worker": worker_id, "pid": pid})
        return True

    def become_worker(self, requests, answers, output):
        status = 1
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.control.close()
            os.close(self.wake_read)
            os.close(self.wake_write)
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            for fd in {null, output} - {0, 1, 2}:
                os.close(fd)
            open_streams()
            work(requests, answers)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            flush_output()
            os._exit(status)

    def reap(self):
        """Removes workers that have ended, and sends their exit codes."""
        while self.workers:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            pid = ended.si_pid
            kill_group(pid)
            _, status = os.waitpid(pid, 0)
            worker_id = self.workers.pop(pid, None)
            if worker_id is not None:
                self.send_event({"worker": worker_id, "exit": os.waitstatus_to_exitcode(status)})

    def send_event(self, event):
        try:
            self.control.send(json.dumps(event).encode())
        except OSError:
            self.end()

    def end(self):
        for pid in self.workers:
            try:
                os.kill(pid, signal.SIGKILL)
                kill_group(pid)
                os.waitpid(pid, 0)
            except OSError:
                pass
        os._exit(0)


def kill_group(pid):
    """Kills the processes that a worker has left. The worker itself is not reaped yet, so its id is not reused."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass


if __name__ == "__main__":
    Zygote().run()
