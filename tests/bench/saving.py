#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Saving a core of a 4 GiB guest, kdump against makedumpfile in turn: saving.py KDUMP [--rounds N] [--core FILE] ...

The core is large_core.py's unless one is named. Both read it from the page cache and write to memory (tmpfs), where
nobody waits for a disk; with --disk also to FOLDER, where kdump waits until the dump is on the disk and makedumpfile
does not. Times are the kernel's account of the process. Peak is the largest resident set, mapped files included;
private is the largest part of it that is no file, seen by looking once a millisecond in a run of its own. --huge
measures made-up machines with terabytes too (kdump alone; makedumpfile does not take these cores).
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
for name in ("bench", "cores", "e2e"):
    sys.path.insert(0, f"{TESTS}/{name}")
import huge_core  # noqa: E402
import initramfs  # noqa: E402
import large_core  # noqa: E402
import peers  # noqa: E402

MIB = 1 << 20
FIGURES = ("wall s", "user s", "sys s", "CPU s", "peak MiB", "private MiB", "file MB")
# What is compared: (codec, makedumpfile's option, wall time and size at most so many times makedumpfile's)
CODECS = (("zstd", "-l", 0.5, 0.8), ("zlib", "-c", 0.3, 1.0))
WORKERS = (1, 2)
PEAK_MIB, WORKER_MIB = 32, 2


def measure(command, output):
    """(wall, user, system, CPU, peak MiB, None, MB)"""
    if os.path.exists(output):
        os.unlink(output)
    run = subprocess.run([initramfs.guest_program("x86_64", "cost")] + command, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True, check=True)
    user, system, wall, peak, status = (int(word) for word in run.stdout.split()[-5:])
    if status:
        raise SystemExit(f"{' '.join(command)}: exit status {status}")
    size = os.path.getsize(output)
    return wall / 1e6, user / 1e6, system / 1e6, (user + system) / 1e6, peak / 1024, None, size / 1e6


def private_peak(command, output):
    """MiB"""
    if os.path.exists(output):
        os.unlink(output)
    most = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                words = dict(line.split(":", 1) for line in file)
            most = max(most, int(words.get("RssAnon", "0").split()[0]))
            time.sleep(0.001)
    return most / 1024


def commands(kdump, core, output, level):
    """{name: command}, makedumpfile's first for each codec."""
    peer = peers.makedumpfile("bookworm", "x86_64")
    if not peer:
        raise SystemExit("no makedumpfile: tests/setup/guest-files peer fetches it")
    result = {}
    for codec, option, _, _ in CODECS:
        result[f"makedumpfile {option}"] = peer + [option, "-f", "--message-level", "0", "-d", str(level), core, output]
        for workers in WORKERS:
            # the main thread compresses too
            result[f"kdump {codec}, {workers} CPU" + "s" * (workers > 1)] = [
                kdump, "save", "-q", "--force", "--codec", codec, "--workers", str(workers - 1), "-d", str(level), core,
                output]
    return result


def short(value):
    if value is None:
        return ""
    return ("%.3f" if value < 1 else "%.2f" if value < 100 else "%.0f") % value


def row(name, values):
    print("%-22s" % name + "".join("%13s" % short(value) for value in values))


def compare(kdump, core, folder, level, rounds):
    output = f"{folder}/dump"
    runs = {}
    for number in range(rounds + 1):
        for name, command in commands(kdump, core, output, level).items():
            figures = measure(command, output)
            if number:  # the first round warms up
                runs.setdefault(name, []).append(figures)
    print("\nlevel %d, to %s, medians of %d" % (level, folder, rounds))
    print("%-22s" % "" + "".join("%13s" % figure for figure in FIGURES))
    medians = {}
    for name, command in commands(kdump, core, output, level).items():
        columns = zip(*runs[name])
        medians[name] = [None if column[0] is None else statistics.median(column) for column in columns]
        medians[name][5] = private_peak(command, output)
        row(name, medians[name])
    for codec, option, most_wall, most_size in CODECS:
        theirs = medians[f"makedumpfile {option}"]
        for workers in WORKERS:
            name = f"kdump {codec}, {workers} CPU" + "s" * (workers > 1)
            ours = medians[name]
            aims = " (aims: wall %.1f, file %.1f)" % (most_wall, most_size) if workers == 2 else ""
            print("%s / makedumpfile %s: wall %.2f, CPU %.2f, file %.2f%s; peak %.1f MiB (aim %d)" %
                  (name, option, ours[0] / theirs[0], ours[3] / theirs[3], ours[6] / theirs[6], aims, ours[4],
                   PEAK_MIB + WORKER_MIB * (workers - 1)))


def huge(kdump, folder):
    """Time and memory by the size of the machine."""
    print("\nmade-up machines, level 31, 16 pages of each 128 MiB used")
    print("%-22s" % "" + "".join("%13s" % figure for figure in FIGURES))
    core, output = f"{folder}/core", f"{folder}/dump"
    for tib, limit in ((0.0625, None), (1, None), (1, "8M"), (16, None)):
        huge_core.make(core, int(tib * (1 << 40)))
        command = [kdump, "save", "-q", "--force", "-d", "31"] + (["--memory-limit", limit] if limit else [])
        command += [core, output]
        row("%g GiB" % (tib * 1024) + (f", limit {limit}" if limit else ""), measure(command, output))
    os.unlink(output)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kdump")
    parser.add_argument("--core")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--disk", metavar="FOLDER")
    parser.add_argument("--levels", type=lambda text: [int(word) for word in text.split(",")], default=(31, 1))
    parser.add_argument("--huge", action="store_true")
    args = parser.parse_args()
    core, kdump = args.core or large_core.make(), os.path.abspath(args.kdump)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    load = os.getloadavg()[0]
    with open(core, "rb") as file:  # into the page cache
        while file.read(16 * MIB):
            pass
    print("saving %s, %.0f MB; load when it began: %.1f on %d CPUs" %
          (core, os.path.getsize(core) / 1e6, load, len(os.sched_getaffinity(0))))
    with tempfile.TemporaryDirectory(prefix="parachute-bench-", dir=memory) as folder:
        for level in args.levels:
            compare(kdump, core, folder, level, args.rounds)
        if args.huge:
            huge(kdump, folder)
    if args.disk:
        folder = tempfile.mkdtemp(prefix="parachute-bench-", dir=args.disk)
        try:
            for level in args.levels:
                compare(kdump, core, folder, level, args.rounds)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
