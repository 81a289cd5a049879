#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Planning time of `kexec -p --dry-run` for synthetic machines: planning.py KEXEC. Median of whole runs, with what a nearly empty machine takes taken off
to show what the size costs."""
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
import images  # noqa: E402

# The last two are what 65,534 program headers, the most that /proc/vmcore reads, can hold.
MACHINES = [(16, 100), (64, 1000), (256, 4000), (1024, 10000), (4096, 20000), (8192, 50000), (4096, 60000)]
RUNS = 7


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(command):
    walls, cpus = [], []
    for _ in range(RUNS):
        wall, cpu = time.monotonic(), cpu_seconds()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        walls.append(time.monotonic() - wall)
        cpus.append(cpu_seconds() - cpu)
    return statistics.median(walls), statistics.median(cpus)


def main():
    kexec = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as tmp:
        kernel = os.path.join(tmp, "vmlinuz")
        with open(kernel, "wb") as f:
            f.write(images.bzimage())
        print("  CPUs  ranges   wall s    CPU s")
        for cpus, ranges in MACHINES:
            tree = os.path.join(tmp, "tree-%d" % cpus)
            subprocess.run(["/usr/bin/python3", os.path.join(TESTS, "root/make-synthetic"), "--arch", "x86_64", "--cpus", str(cpus),
                            "--sparse", "--ranges", str(ranges), "--crash", "512M", tree], check=True)
            wall, cpu = measure([kexec, "--sysroot", tree, "--arch", "x86_64", "-p", "--dry-run", kernel])
            print("%6d %7d   %6.3f   %6.3f" % (cpus, ranges, wall, cpu), flush=True)


if __name__ == "__main__":
    main()
