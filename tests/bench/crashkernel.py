#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The smallest crashkernel= in which a capture completes, in steps of 8 MiB: crashkernel.py [--memory SIZE] [KERNEL]...

A guest with one virtio disk crashes; our own capture initramfs saves the dump to ext4 on it, checks it and reboots. The
capture has to complete in this size and in the next larger one, and not in the next smaller one. Run after make-cores'
packages are there ("./check e2e" fetches them). What service/sizing.c knows comes from here.
"""
import argparse
import os
import re
import shutil
import struct
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{TESTS}/e2e")
import capture_case  # noqa: E402
import checks  # noqa: E402
import disk  # noqa: E402
import machines  # noqa: E402
from qemu import Lost  # noqa: E402

MIB = 1 << 20
STEP, FIRST, LAST = 8, 64, 192


class Context:
    """What a case of tests/e2e is given."""

    def __init__(self, folder):
        self.folder, self.results, self.timings = folder, checks.Results(), {}
        self.loader, self.viewer = "ours", None

    def step(self, text):
        pass


def unpacked(image):
    """Bytes that the archive's files take in memory, as service/sizing_read.c counts them."""
    total, at = 0, 0
    while True:
        fields = [int(image[at + 6 + 8 * index:at + 14 + 8 * index], 16) for index in range(13)]
        name_at = at + 110
        name = image[name_at:name_at + fields[11] - 1]
        if name == b"TRAILER!!!":
            return total
        total += -(-fields[6] // 4096) * 4096 + 1024
        at = -(-(-(-(name_at + fields[11]) // 4) * 4 + fields[6]) // 4) * 4


def init_size(machine):
    with open(machine.vmlinuz, "rb") as file:
        head = file.read(0x264)
    return struct.unpack_from("<I", head, 0x260)[0]


def completes(machine, size):
    """Does a capture in SIZE MiB complete? And how large was the initramfs, packed and as files?"""
    folder = tempfile.mkdtemp(prefix="crashkernel.")
    context = Context(folder)
    machine = machines.dataclasses.replace(machine, crashkernel=f"crashkernel={size}M")
    try:
        disks = [disk.Disk(f"{folder}/disk", 512 * MIB)]
        image = capture_case.capture_image(machine, ["ext4 /dev/vda", "path /var/crash"],
                                           ["filesystem target0 /dev/vda ext4 - /var/crash"])
        try:
            capture = capture_case.Capture(context, machine, disks, image).run()
            capture.said("saved", r"kdump: the dump was saved")
            capture.check_whole(capture.folder_on(disks[0]), "disk")
        except Lost as error:
            context.results.check("the guest", False, str(error))
        why = re.sub(r"\s+", " ", context.results.failed[0])[:100] if context.results.failed else ""
        return not context.results.failed, len(image), unpacked(image), why
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def smallest(machine):
    """Bisect, then the neighbours of what was found, so that one lucky run does not decide."""
    low, high, known = FIRST, LAST, {}

    def good(size):
        if size not in known:
            known[size] = completes(machine, size)
            print(f"  {size}M: {'complete' if known[size][0] else 'not complete: ' + known[size][3]}", flush=True)
        return known[size][0]

    while low < high:
        middle = (low + high) // 2 // STEP * STEP
        if good(middle):
            high = middle
        else:
            low = middle + STEP
    while high < LAST and not (good(high) and good(high + STEP)):
        high += STEP
    return high, known[high]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory", default="1G")
    parser.add_argument("kernels", nargs="*", default=["6.1"])
    options = parser.parse_args()
    for kernel in options.kernels:
        machine = machines.Machine(kernel=kernel, memory=options.memory)
        print(f"Linux {kernel} of Debian, {options.memory} of memory:", flush=True)
        size, (_, packed, files, _) = smallest(machine)
        kernel_mib = init_size(machine) / MIB
        rest = size - kernel_mib - (packed + files) / MIB - size / 64
        print(f"  smallest {size}M: kernel {kernel_mib:.1f}, initramfs {packed / MIB:.1f} + {files / MIB:.1f}, "
              f"struct pages {size / 64:.1f}, all else {rest:.1f} MiB")


if __name__ == "__main__":
    sys.exit(main())
