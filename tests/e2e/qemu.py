# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs a guest. Every wait has a deadline; a guest that falls silent or goes away is a failure (Lost), never a hang.
Channels are socket pairs, so that QEMU's end closes with QEMU.
"""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import initramfs
import machines


class Lost(Exception):
    """The guest did not do in time what it was expected to do."""


class Channel:
    """One end of a socket pair; what arrives is kept, and logged to a file."""

    def __init__(self, log=None):
        self.ours, self.theirs = socket.socketpair()
        self.buffer = bytearray()
        self.closed = False
        self.changed = threading.Condition()
        self.log = open(log, "wb", buffering=0) if log else None
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self):
        while True:
            try:
                data = self.ours.recv(1 << 16)
            except OSError:
                data = b""
            with self.changed:
                if not data:
                    self.closed = True
                    self.changed.notify_all()
                    return
                self.buffer += data
                self.changed.notify_all()
            if self.log and not self.log.closed:
                self.log.write(data)

    def send(self, data):
        try:
            self.ours.sendall(data)
        except OSError as error:
            raise Lost(f"the guest is gone: {error}") from error

    def wait(self, condition, seconds, what):
        """Wait until CONDITION(buffer) is true; its value. The buffer is under the lock meanwhile."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                value = condition(self.buffer)
                if value:
                    return value
                left = deadline - time.monotonic()
                if self.closed:
                    raise Lost(f"the guest went away while waiting for {what}")
                if left <= 0:
                    raise Lost(f"no {what} within {seconds:.0f} s")
                self.changed.wait(left)

    def take_line(self, seconds, what):
        def line(buffer):
            at = buffer.find(b"\n")
            if at < 0:
                return None
            found = bytes(buffer[:at + 1])
            del buffer[:at + 1]
            return found
        return self.wait(line, seconds, what).decode(errors="replace").rstrip("\r\n")

    def take(self, length, seconds, what):
        def block(buffer):
            if len(buffer) < length:
                return None
            found = bytes(buffer[:length])
            del buffer[:length]
            return (found,)
        return self.wait(block, seconds, what)[0]

    def close(self):
        for end in (self.ours, self.theirs):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        if self.log:
            self.log.close()


class Qmp:
    """QEMU's machine protocol: commands, and the events that come in between."""

    def __init__(self, log):
        self.channel = Channel(log)
        self.events = []

    def _message(self, seconds, what):
        return json.loads(self.channel.take_line(seconds, what))

    def start(self):
        self._message(30, "greeting of QEMU")
        self.command("qmp_capabilities")

    def command(self, name, seconds=60, **arguments):
        message = {"execute": name, "arguments": arguments}
        self.channel.send(json.dumps(message).encode() + b"\n")
        while True:
            answer = self._message(seconds, f"answer to {name}")
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise Lost(f"{name}: {answer['error']['desc']}")
            else:
                return answer["return"]

    def human(self, line, seconds=120):
        answer = self.command("human-monitor-command", seconds, **{"command-line": line})
        if answer.strip():
            raise Lost(f"{line}: {answer.strip()}")

    def wait_event(self, names, seconds):
        """The next event that has one of these names; events seen before and not asked for are looked at first."""
        deadline = time.monotonic() + seconds
        while True:
            while self.events:
                event = self.events.pop(0)
                if event["event"] in names:
                    return event
            answer = self._message(max(deadline - time.monotonic(), 0.01), " or ".join(names))
            if "event" in answer:
                self.events.append(answer)


def empty_qcow2(size):
    """
    An empty disk in the format that can hold snapshots of a machine (QEMU, docs/interop/qcow2.txt): header, reference
    counts, one L1 table.
    """
    cluster = 1 << 16
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, size, 0, 1, 3 * cluster, 1 * cluster, 1, 0, 0)
    table = struct.pack(">Q", 2 * cluster)
    counts = struct.pack(">4H", 1, 1, 1, 1)
    return b"".join(part.ljust(cluster, b"\0") for part in (header, table, counts, b""))


running = set()           # process groups of the guests that are up


def kill_all():
    """For a signal handler: no guest outlives the tests."""
    for group in list(running):
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            pass


LIFETIME = 3600            # seconds; a guest whose parent was killed without notice ends by itself


class Guest:
    """A machine that runs a kernel with our init. Use it in a with statement: it is always killed."""

    def __init__(self, machine, folder, image, disk_bytes=0, snapshots=False, stop_at_reset=False, more_disks=()):
        self.machine = machine
        self.folder = folder
        self.image = image
        self.disk = f"{folder}/vmcore" if disk_bytes else None
        self.disk_bytes = disk_bytes
        self.snapshots = snapshots
        self.stop_at_reset = stop_at_reset
        self.more_disks = more_disks
        self.process = None
        self.command_number = 0

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _start(self):
        os.makedirs(self.folder, exist_ok=True)
        self.short = tempfile.mkdtemp(prefix="parachute-")  # paths of sockets are limited to 107 bytes
        self.gdb_path = f"{self.short}/gdb"
        self.console = Channel(f"{self.folder}/console.log")
        self.agent = Channel(f"{self.folder}/channel.log")
        self.qmp = Qmp(f"{self.folder}/qmp.log")
        command = machines.qemu_arguments(self.machine) + self._devices() + self._boot()
        channels = [self.console, self.agent, self.qmp.channel]
        with open(f"{self.folder}/qemu.log", "wb") as log:
            log.write((" ".join(command) + "\n").encode())
            log.flush()
            self.process = subprocess.Popen(["timeout", "--signal=KILL", str(LIFETIME)] + command,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                            pass_fds=[channel.theirs.fileno() for channel in channels])
        running.add(self.process.pid)
        for channel in channels:
            channel.theirs.close()
        self.qmp.start()

    def _boot(self):
        initramfs.write(f"{self.folder}/initrd", self.image)
        return ["-kernel", self.machine.vmlinuz, "-initrd", f"{self.folder}/initrd", "-append", self.machine.cmdline]

    def _devices(self):
        bus = "pci"
        devices = []
        for name, channel in (("console", self.console), ("agent", self.agent), ("qmp", self.qmp.channel)):
            devices += ["-chardev", f"socket,id={name},fd={channel.theirs.fileno()}"]
        devices += ["-serial", "chardev:console", "-mon", "chardev=qmp,mode=control", "-gdb",
                    f"unix:{self.gdb_path},server=on,wait=off",
                    "-device", f"virtio-serial-{bus}", "-device", "virtserialport,chardev=agent,name=parachute"]
        if self.disk:
            with open(self.disk, "wb") as file:
                file.truncate(self.disk_bytes)
            devices += ["-drive", f"if=none,id=disk,format=raw,cache=unsafe,file={self.disk}", "-device",
                        f"virtio-blk-{bus},drive=disk"]
        for number, disk in enumerate(self.more_disks):
            devices += disk.arguments(f"disk{number}") + ["-device", f"virtio-blk-{bus},drive=disk{number}"]
        if self.snapshots:
            initramfs.write(f"{self.folder}/snapshots", empty_qcow2(64 << 20))
            devices += ["-drive", f"if=none,id=snapshots,format=qcow2,cache=unsafe,file={self.folder}/snapshots"]
        if self.stop_at_reset:
            devices += ["-no-reboot"]
        return devices

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.process:
            self.process.wait()
            running.discard(self.process.pid)
        for name in ("console", "agent"):
            if hasattr(self, name):
                getattr(self, name).close()
        if hasattr(self, "qmp"):
            self.qmp.channel.close()
        if hasattr(self, "short"):
            shutil.rmtree(self.short, ignore_errors=True)
        for name in ("initrd", "snapshots"):
            try:
                os.unlink(f"{self.folder}/{name}")
            except FileNotFoundError:
                pass

    # The agent: tests/e2e/guest/init

    def wait_hello(self, kernel, seconds):
        """Wait for a kernel's init to come up; it must be that KERNEL, "first" or "capture"."""
        line = self.agent.take_line(seconds, f"{kernel} kernel")
        if line != f"@hello {kernel}":
            raise Lost(f"expected the {kernel} kernel, got: {line}")

    def run(self, command, seconds=120):
        """Run a command in the guest: (exit status, output)."""
        self.command_number += 1
        self.agent.send(f"{self.command_number} {command}\n".encode())
        line = self.agent.take_line(seconds, f"answer to: {command[:60]}")
        words = line.split()
        if len(words) != 4 or words[:2] != ["@done", str(self.command_number)]:
            raise Lost(f"expected the answer to: {command[:60]}, got: {line}")
        return int(words[2]), self.agent.take(int(words[3]), seconds, f"output of: {command[:60]}")

    def output(self, command, seconds=120):
        """The output of a command that must succeed, as text."""
        status, data = self.run(command, seconds)
        text = data.decode(errors="replace")
        if status:
            raise Lost(f"{command[:60]}: exit status {status}: {text.strip()}")
        return text

    def send_only(self, command):
        """A command that no answer comes back from."""
        self.command_number += 1
        self.agent.send(f"{self.command_number} {command}\n".encode())

    def wait_console(self, text, seconds, since=0):
        """Wait for TEXT on the console after offset SINCE; the offset after it."""
        text = text.encode()

        def found(buffer):
            at = buffer.find(text, since)
            return at + len(text) if at >= 0 else None
        return self.console.wait(found, seconds, f"\"{text.decode()}\" on the console")

    def console_length(self):
        with self.console.changed:
            return len(self.console.buffer)

    def console_text(self, since=0):
        with self.console.changed:
            return bytes(self.console.buffer[since:]).decode(errors="replace")

    def wait_exit(self, seconds):
        """Wait until QEMU ends, as it does when the guest powers off (or resets, with stop_at_reset)."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Lost(f"the guest did not power off within {seconds} s") from None
