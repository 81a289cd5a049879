# SPDX-License-Identifier: GPL-2.0-or-later
"""crash(8) on a dump that came out of a guest, with the types of its kernel: a download of a gigabyte, made once."""
import re
import shutil
import subprocess
import tempfile

import paths

TIMEOUT_S = 600
# What is asked, and what the answer must have in it. Processes by their list: crash 8.0.2 finds those that do not run
# by struct pid, which it takes to hold its first number; since Linux 6.5, and in Debian's 6.1, it ends in front of it.
COMMANDS = (
    ("sys", r"RELEASE: {release}"),
    ("bt", r"PID: \d+ "),
    ("log", r"Linux version {release}[\s\S]*{sentence}"),
    ("list task_struct.tasks -s task_struct.comm -h init_task", r"\"swapper/0[\s\S]*\"systemd[\s\S]*\"systemd-journal"),
    ("kmem -i", r"TOTAL MEM +\d\d+[\s\S]* FREE +\d\d+"),
)
wanted = []  # by service.py --crash


def vmlinux(release):
    """The kernel with its types; crash itself says so when it is not the one that crashed."""
    link = f"vmlinux-{release}"
    package = f"linux-image-{release}-dbg:amd64"
    subprocess.run([f"{paths.TOP}/tests/setup/fetch", "-n", link, "-o", "*/boot/vmlinux-*", package], check=True)
    return f"{paths.PKG}/{link}/usr/lib/debug/boot/vmlinux-{release}"


def answers(release, dump, folder):
    """(output of each command, what was said before the first one)"""
    with open(f"{folder}/script", "w", encoding="ascii") as file:
        for number, (command, _) in enumerate(COMMANDS):
            file.write(f"{command} > {folder}/{number}\n")
        file.write("quit\n")
    command = ["crash", "-s", "--no_scroll", "-i", f"{folder}/script", vmlinux(release), dump]
    run = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=TIMEOUT_S)
    texts = []
    for number in range(len(COMMANDS)):
        try:
            with open(f"{folder}/{number}", encoding="utf-8", errors="replace") as file:
                texts.append(file.read())
        except OSError as error:
            texts.append(str(error))
    return texts, run.stdout.decode(errors="replace") + (f"exit status {run.returncode}" if run.returncode else "")


def check(results, dump, release, sentence):
    """Only when it was asked for, and of Debian 12's own kernel: Debian 12's crash knows no later ones."""
    if not wanted or not release.startswith("6.1."):
        return
    if not results.check("crash(8) is there", shutil.which("crash"), "tests/setup/install-packages readers"):
        return
    with tempfile.TemporaryDirectory(prefix="crash-reader-") as folder:
        texts, said = answers(release, dump, folder)
    results.check("crash opens the dump", "exit status" not in said, said[-600:])
    for (command, pattern), text in zip(COMMANDS, texts):
        words = pattern.format(release=re.escape(release), sentence=re.escape(sentence))
        results.check(f"crash: {command}", re.search(words, text), f"{said[-300:]}: {text[:300]!r} ... {text[-300:]!r}")
