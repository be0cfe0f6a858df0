"""A clock for programs that time nothing themselves: it runs from the closing of one file to the creation of another."""

import ctypes
import os
import select
import struct
import time

CLOSE_NOWRITE, CREATE = 0x10, 0x100  # of <sys/inotify.h>
HEADER = struct.Struct("iIII")


class FileClock:
    """with FileClock(closed=data, created=model) as clock: start a process, then ask seconds(process)."""

    def __init__(self, closed, created):
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_CLOEXEC)
        self._data = libc.inotify_add_watch(self._fd, os.fsencode(closed), CLOSE_NOWRITE)
        self._folder = libc.inotify_add_watch(self._fd, os.fsencode(created.parent), CREATE)
        self._created = created.name
        if min(self._fd, self._data, self._folder) < 0:
            raise OSError(ctypes.get_errno(), "inotify does not work here")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        os.close(self._fd)

    def seconds(self, process):
        """None where the process ended without both events."""
        start = None
        while True:
            ended = process.poll() is not None
            if not select.select([self._fd], [], [], 0 if ended else 0.1)[0]:
                if ended:
                    return None
                continue
            now = time.perf_counter()
            for watch, name in self._events():
                if watch == self._data:
                    start = now
                elif watch == self._folder and name == self._created and start is not None:
                    return now - start

    def _events(self):
        block = os.read(self._fd, 65536)
        at = 0
        while at < len(block):
            watch, _, _, length = HEADER.unpack_from(block, at)
            at += HEADER.size
            yield watch, os.fsdecode(block[at : at + length].rstrip(b"\0"))
            at += length
