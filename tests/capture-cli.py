#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kdump capture without a capture kernel: capture-cli.py KDUMP. Nothing is restarted, mounted or loaded."""
import glob
import os
import signal
import stat
import subprocess
import sys
import tempfile

import made_core

KDUMP = os.path.abspath(sys.argv[1])
passed, failed = 0, 0


def check(what, good, seen=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAIL: {what}: {seen}")


def run(*arguments, inside=()):
    done = subprocess.run([*inside, KDUMP, *arguments], capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


class Machine:
    """A folder that stands for the crashed system's root, a kdump.conf and a source that only a script understands."""

    def __init__(self, folder, lines, collector="cat \"$1\" > \"$2\"", **programs):
        self.folder = folder
        os.makedirs(f"{folder}/root")
        programs["collect"] = collector
        for name, text in programs.items():
            self.write(name, f"#!/bin/sh\n{text}\n")
            os.chmod(f"{folder}/{name}", 0o755)
        self.write("source", "memory\n")
        self.write("kdump.conf", "".join(line.replace("@", folder) + "\n" for line in
                                         [f"core_collector {folder}/collect"] + lines))

    def write(self, name, text):
        with open(f"{self.folder}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def capture(self, inside=()):
        self.status, text = run("capture", "--no-init", "--no-action", "--root", f"{self.folder}/root", "--conf",
                                f"{self.folder}/kdump.conf", "--source", f"{self.folder}/source", "--words",
                                f"{self.folder}/words", inside=inside)
        with open(f"{self.folder}/words", encoding="utf-8") as file:
            self.words = text + file.read()
        self.dumps = glob.glob(f"{self.folder}/root/var/crash/*")
        return self

    def files(self):
        return sorted(os.listdir(self.dumps[0])) if self.dumps else []


def refused():
    status, text = run("capture")
    check("only the first process captures", status == 2 and "--no-init" in text, text)
    if not os.path.exists("/proc/vmcore"):
        status, text = run("capture", "--no-init")
        check("a machine that is no capture kernel is not restarted", status == 2 and "/proc/vmcore" in text, text)
    for wrong in (["--frobnicate"], ["word"], ["--conf"]):
        status, text = run("capture", *wrong)
        check(f"{wrong} is refused", status == 2 and wrong[0] in text, text)
    for wrong in (["fetch"], ["fetch", "/dev/null"], ["fetch", "--prepare"], ["fetch", "--prepare", "a", "b"]):
        status, text = run(*wrong)
        check(f"{wrong} is refused", status == 2, text)
    status, text = run("fetch", "/dev/null", "/nonexistent")
    check("fetch: no block device", status == 1 and "no block device" in text, text)


def saved(folder):
    m = Machine(folder, ["kdump_pre @/pre", "kdump_post @/post"], pre="echo before", post="echo \"after $1\"").capture()
    check("saved: exit status 0", m.status == 0, m.words)
    check("saved: the files", {"README.txt", "vmcore", "vmcore-dmesg.txt"} <= set(m.files()), m.files())
    modes = {stat.S_IMODE(os.stat(path).st_mode) for path in glob.glob(f"{m.dumps[0]}/*")}
    check("saved: the files are their owner's alone", modes == {0o600}, modes)
    check("saved: so is the folder", stat.S_IMODE(os.stat(m.dumps[0]).st_mode) == 0o700)
    order = [m.words.find(words)
             for words in ("before", "target 1 of 1", "the dump is complete", "after 0", "was saved")]
    check("saved: all in its order", -1 not in order and order == sorted(order), m.words)


def incomplete(folder):
    m = Machine(folder, ["kdump_post @/post"], "head -c 3 \"$1\" > \"$2\"; exit 7", post="echo \"after $1\"").capture()
    check("incomplete: exit status 3", m.status == 3, m.words)
    check("incomplete: it stays, by its name",
          "vmcore-incomplete" in m.files() and "vmcore" not in m.files(), m.files())
    check("incomplete: kdump_post gets 1", "after 1" in m.words, m.words)


def nothing(folder):
    m = Machine(folder, [], "exit 1").capture()
    check("nothing: exit status 1", m.status == 1 and "no dump was saved" in m.words, m.words)


def declined(folder):
    m = Machine(folder, ["kdump_pre @/pre"], pre="exit 5").capture()
    check("declined: exit status 2 and no folder", m.status == 2 and not m.dumps, m.words)


def folders(folder):
    """Programs in /etc/kdump, which is a folder of its own for those who are allowed to mount one."""
    m = Machine(folder, ["kdump_pre @/pre", "kdump_post @/post"], pre="echo before", post="echo last")
    for name, text in (("pre.d", "echo first; exit 5"), ("post.d", "echo \"behind $1\"; exit 6")):
        os.makedirs(f"{folder}/etc/kdump/{name}")
        m.write(f"etc/kdump/{name}/10-own", f"#!/bin/sh\n{text}\n")
        os.chmod(f"{folder}/etc/kdump/{name}/10-own", 0o755)
    apart = ["unshare", "-m" if os.geteuid() == 0 else "-rm"]
    m.capture([*apart, "sh", "-c", f"mount --bind {folder}/etc /etc && exec \"$@\"", "sh"])
    order = [m.words.find(words) for words in ("before", "first", "the dump is complete", "behind 0", "last")]
    check("folders: all in its order", -1 not in order and order == sorted(order), m.words)
    check("folders: a program of pre.d that fails is told, and the dump goes on",
          m.status == 0 and "pre.d/10-own: exit status 5" in m.words, m.words)


def hanging(folder):
    m = Machine(folder, ["kdump_pre @/pre", "deadline 30"], pre="sleep 1000").capture()
    check("a kdump_pre that hangs is ended, and the dump goes on",
          m.status == 0 and "its time is up" in m.words, m.words)


def damaged(folder):
    m = Machine(folder, ["pth /x", "final_action sing"]).capture()
    check("damaged kdump.conf: every fault is told, the dump is saved",
          m.status == 0 and "kdump.conf:2:" in m.words and "kdump.conf:3:" in m.words, m.words)


def fetched(folder):
    """A partition, as far as a file can be one. Who fetches is killed by the kernel when the file grows too large."""
    os.makedirs(folder)
    disk, core, dumps = f"{folder}/disk", f"{folder}/core", f"{folder}/dumps"
    with open(core, "wb") as file:
        file.write(made_core.core_bytes())
    with open(disk, "wb") as file:
        file.truncate(64 << 20)
    for words in (["fetch", "--prepare", disk], ["save", "-q", "-d", "0", core, f"raw://{disk}"]):
        status, text = run(*words)
        check(f"fetch: {words[0]} to a partition", status == 0, text)
    done = subprocess.run(["sh", "-c", "ulimit -f 64; exec \"$@\"", "sh", KDUMP, "fetch", disk, dumps],
                          capture_output=True, check=False)
    found = [os.path.basename(path) for path in glob.glob(f"{dumps}/*/vmcore*")]
    check("fetch: what was killed leaves nothing that is called a dump",
          done.returncode == -signal.SIGXFSZ and found == ["vmcore-incomplete"], (done, found))
    status, text = run("fetch", disk, dumps)
    found = glob.glob(f"{dumps}/*/vmcore")
    check("fetch: the dump is still there to be fetched", status == 0 and len(found) == 1, (text, found))
    status, text = run("check", *found)
    check("fetch: it is whole", status == 0, text)
    status, text = run("fetch", disk, dumps)
    check("fetch: it is fetched once", status == 0 and "nothing to fetch" in text, text)


def main():
    refused()
    for case in (saved, incomplete, nothing, declined, folders, hanging, damaged, fetched):
        with tempfile.TemporaryDirectory(prefix="capture-") as folder:
            case(f"{folder}/machine")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
