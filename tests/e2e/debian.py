# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that run a whole Debian with systemd from a disk of their own (tests/setup/debian-guest)."""
import os
import subprocess
import tempfile
import time

import disk
import paths
from machines import Machine
from qemu import Guest

DISK = f"{paths.BUILD}/guest-debian/disk.raw"
OFFSET = 2048 * 512  # of its only partition
BOOT_SECONDS = 600         # on a machine that has much else to do; 30 s are usual
LOGIN = "login:"


class DebianGuest(Guest):
    """
    It boots by its own GRUB and stays one QEMU process over reboots and panics, so that the virtio port stays open.
    FILES: {path in the guest: file here}, put on its disk beforehand. EDITS: {path in the guest: function}; the file
    becomes what the function makes of its text, before the guest starts. NETWORK: arguments of QEMU's user network, which
    is restricted, like "guestfwd=..."; None: no network card.
    """

    def __init__(
        self, machine, folder, files=None, edits=None, network=None, more=(), source=DISK, **options
    ):
        super().__init__(machine, folder, None, **options)
        self.files, self.network, self.more = files or {}, network, list(more)
        self.root = f"{folder}/disk.raw"
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["cp", "--sparse=always", source, self.root], check=True)
        for target, name in self.files.items():
            self.put(name, target)
        for target, change in (edits or {}).items():
            self.edit(target, change)

    def _boot(self):
        arguments = [
            "-drive",
            f"if=none,id=root,format=raw,cache=unsafe,file={self.root}",
            "-device",
            "virtio-blk-pci,drive=root,bootindex=1,serial=root",
        ]
        if self.network is not None:
            forwards = "".join(f",{word}" for word in self.network)
            arguments += [
                "-netdev",
                f"user,id=net,restrict=on{forwards}",
                "-device",
                "virtio-net-pci,netdev=net,romfile=",
            ]
        return arguments + self.more

    @property
    def partition(self):
        return f"{self.root}?offset={OFFSET}"

    def put(self, name, target):
        """A file of this machine onto the disk, as root's, 0644; the guest does not run."""
        disk.write_in(self.partition, name, target)

    def edit(self, target, change):
        """A file on the disk becomes what CHANGE makes of its text; the guest does not run."""
        with tempfile.TemporaryDirectory() as folder:
            name = f"{folder}/file"
            disk.read_out(self.partition, target, name)
            with open(name, encoding="utf-8") as file:
                text = file.read()
            with open(name, "w", encoding="utf-8") as file:
                file.write(change(text))
            disk.write_in(self.partition, name, target)

    def wait_boot(self, seconds=BOOT_SECONDS):
        """Wait for the agent, and for all that systemd starts; its verdict: "running", "degraded"."""
        self.wait_hello("first", seconds)
        _, state = self.run("systemctl is-system-running --wait", seconds)
        return state.decode().strip()

    def reboot(self):
        """In order; returns when the agent is there again. Where the console was at the start."""
        since = self.console_length()
        self.send_only("systemctl reboot --no-block")
        self.agent.take_line(60, "answer to: reboot")
        self.agent.take(0, 1, "")
        return since

    def crash(self, command="echo c > /proc/sysrq-trigger"):
        """A command that the machine does not come back from. Where the console was, and when."""
        since, start = self.console_length(), time.monotonic()
        self.send_only(command)
        return since, start

    def host_copy(self, source, target):
        """The folder SOURCE of the root file system as TARGET/NAME, after the machine is off."""
        image = f"{self.folder}/partition.raw"
        subprocess.run(["cp", "--sparse=always", self.root, image], check=True)
        try:
            disk.repair(f"{image}?offset={OFFSET}")
            disk.copy_out(f"{image}?offset={OFFSET}", source, target)
        finally:
            os.unlink(image)


def machine(**options):
    defaults = {"cpus": 1, "memory": "1G", "crashkernel": ""}
    return Machine(**{**defaults, **options})
