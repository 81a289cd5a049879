#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole-command cost of `kexec -p`: ours against Debian's kexec-tools, in turn, in the same guest: loading.py [--arch ARCH] [--initrd-mib N].

The kernel is Debian's; the initrd is the guest's own with N MiB of incompressible bytes behind it. Times are the kernel's account of the finished
process; peak is its largest resident set, mapped files included.
"""
import argparse
import os
import random
import statistics
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "e2e"))
import initramfs  # noqa: E402
import paths  # noqa: E402
from machines import Machine  # noqa: E402
from qemu import Guest  # noqa: E402

ROUNDS = 7
MIB = 1 << 20
FIGURES = ("user ms", "system ms", "wall ms", "peak MiB")


def image(machine, initrd_mib):
    """A guest with both loaders; the initrd to load lies in /boot."""
    capture = initramfs.capture_image(machine, "ours")
    archive = initramfs.Archive()
    archive.file("boot/vmlinuz", machine.vmlinuz, 0o644)
    archive.data("boot/initrd.img", capture + random.Random(1).randbytes(initrd_mib * MIB))
    initramfs.add_program(archive, "sbin/kexec-tools", f"{paths.PKG}/kexec-tools_{machine.debian_arch}/sbin/kexec", machine.debian_arch)
    archive.file("sbin/cost", initramfs.guest_program(machine.arch, "cost"), 0o755)
    return capture + archive.bytes()


def once(guest, program):
    command = f"{program} -p /boot/vmlinuz --initrd=/boot/initrd.img --append=\"{guest.machine.capture_cmdline}\""
    words = guest.output(f"cost {command} 2>/dev/null", 300).split()[-5:]
    if words[4] != "0":
        raise SystemExit(f"{program} failed: {guest.run(command, 300)[1].decode()}")
    user, system, wall, peak = (int(word) for word in words[:4])
    return user / 1000, system / 1000, wall / 1000, peak / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--arch", default="x86_64", choices=["x86_64", "arm64"])
    parser.add_argument("--initrd-mib", type=int, default=32)
    options = parser.parse_args()
    firmware = {"x86_64": "bios", "arm64": "dt"}[options.arch]
    machine = Machine(arch=options.arch, firmware=firmware, memory="1G", crashkernel="crashkernel=256M")
    programs = {"parachute": "/sbin/kexec", "kexec-tools": "/sbin/kexec-tools -c"}
    runs = {name: [] for name in programs}
    with Guest(machine, f"{paths.BUILD}/e2e/bench-loading-{options.arch}", image(machine, options.initrd_mib)) as guest:
        guest.wait_hello("first", 180)
        for number in range(ROUNDS + 1):
            for name, program in programs.items():
                figures = once(guest, program)
                if number:  # the first round warms up
                    runs[name].append(figures)
    print(f"kexec -p, {options.arch}, Linux {machine.kernel}, initrd {options.initrd_mib} MiB and more, medians of {ROUNDS}")
    medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in runs.items()}
    print("%-12s" % "" + "".join("%12s" % figure for figure in FIGURES))
    for name, values in medians.items():
        print("%-12s" % name + "".join("%12.1f" % value for value in values))
    print("%-12s" % "ratio" + "".join("%12.2f" % (ours / theirs) for ours, theirs in zip(*medians.values())))
    cpu = [values[0] + values[1] for values in medians.values()]
    print("CPU time: %.2f of kexec-tools'" % (cpu[0] / cpu[1]))


if __name__ == "__main__":
    main()
