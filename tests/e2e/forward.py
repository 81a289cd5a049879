#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The other side of QEMU's guestfwd: one connection of a guest, on standard input and output. forward.py PORT: to that
port of loopback; forward.py hang: to somebody who listens and never says a word.
"""
import os
import select
import socket
import sys


def pass_on(server):
    """Until either side closes; what the guest has closed for sending the server is told."""
    ends = {0: server.fileno(), server.fileno(): 1}
    while server.fileno() in ends:
        for fd in select.select(list(ends), [], [])[0]:
            data = os.read(fd, 1 << 16)
            if not data:
                del ends[fd]
                if fd == 0:
                    server.shutdown(socket.SHUT_WR)
            while data:
                data = data[os.write(1 if fd else server.fileno(), data):]


def main():
    if sys.argv[1] == "hang":
        while os.read(0, 1 << 16):
            pass
        return
    try:
        pass_on(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10))
    except OSError:
        pass


if __name__ == "__main__":
    main()
