#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A dump to another machine: `kdump save` over sftp against a stream into `ssh cat`: transport.py KDUMP [--core FILE]

The server is a real sshd on loopback, which writes to memory (tmpfs) or below --disk FOLDER. kdump waits until the dump
is on the server's disk and reads all of it back; the others do neither, and what they leave when they are cut short
is a stream that has to be laid out. Figures: wall time, CPU time of the sending side with its ssh, its largest resident
set, the largest part of kdump's that is no file, the file. Run as root (a mount namespace of its own).
"""
import argparse
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
for name in ("cores", "e2e", "transport"):
    sys.path.insert(0, os.path.join(TESTS, name))
import large_core  # noqa: E402
import peers  # noqa: E402
import sshd  # noqa: E402


def private(pid):
    """MiB of PID's that are in no file."""
    try:
        with open("/proc/%d/status" % pid, encoding="ascii") as file:
            words = dict(line.split(":", 1) for line in file)
        return int(words.get("RssAnon", "0").split()[0]) / 1024
    except (OSError, ValueError):
        return 0


def measure(words, output):
    """(wall s, CPU s, private MiB, file MB); WORDS are a shell's when they are text."""
    before, begun, most = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), 0
    with subprocess.Popen(words, shell=isinstance(words, str), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max([most] + [private(pid) for pid in [process.pid] + sshd.below(process.pid)])
            time.sleep(0.05)
        if process.returncode:
            raise SystemExit("%s: exit status %d" % (words, process.returncode))
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, most, os.path.getsize(output) / 1e6


def commands(server, kdump, core, level):
    """(name, words, file)"""
    target = os.path.join(server.served, "stream")
    ssh = ("ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile=%s -i %s -p %d %s@127.0.0.1"
           " 'cat > %s'" % (server.path("known"), server.path("user"), server.port, sshd.USER, target))
    yield ("kdump, sftp", [kdump, "save", "-q", "-f", "-d", level, "--conf", server.conf(), core, server.url("dump")],
           os.path.join(server.served, "dump/vmcore"))
    yield "kdump -F | ssh cat", "%s save -q -F -d %s %s - | %s" % (kdump, level, core, ssh), target
    peer = peers.makedumpfile("sid", "x86_64")
    if peer:
        for option, codec in (("-l", "lzo"), ("-z", "zstd")):
            yield ("makedumpfile -F %s | ssh cat" % option, "%s -F %s -d %s %s 2>/dev/null | %s" % (
                shlex.join(peer), option, level, core, ssh), target)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kdump")
    parser.add_argument("--core")
    parser.add_argument("--disk")
    parser.add_argument("--level", default="31")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    core = arguments.core or large_core.make()
    sshd.enter()
    folder = tempfile.mkdtemp(prefix="kdump-bench-", dir=arguments.disk)
    os.chmod(folder, 0o755)
    if not arguments.disk:
        sshd.mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    server = sshd.Sshd(folder).start()
    try:
        found = {}
        for _ in range(arguments.rounds):
            for name, words, output in commands(server, os.path.abspath(arguments.kdump), os.path.abspath(core),
                                                arguments.level):
                found.setdefault(name, []).append(measure(words, output))
        print("%-36s%9s%9s%13s%9s" % ("level " + arguments.level, "wall s", "CPU s", "private MiB", "file MB"))
        medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in found.items()}
        for name, row in medians.items():
            print("%-36s%9.2f%9.2f%13.1f%9.1f" % (name, *row))
        ours = medians["kdump, sftp"][0]
        for name, row in medians.items():
            if name != "kdump, sftp":
                print("kdump over sftp takes %.2f times the time of %s" % (ours / row[0], name))
    finally:
        server.stop()
        if not arguments.disk:
            subprocess.run(["umount", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
