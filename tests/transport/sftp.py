#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps saved to a real sshd, and everything that goes wrong on the way: sftp.py [--long] KDUMP

Run as root; the server, its users and its disks live in a mount namespace of this program.
"""
import os
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import sshd

sys.path.insert(1, os.path.join(sshd.TOP, "tests"))
# pylint: disable=wrong-import-position
import made_core

KDUMP = LONG = SERVER = TMP = CORE = None
# All pages, not compressed, in one order: 16 MiB, twice what is held for sending again.
PLAIN = ("--codec", "none", "-d", "0", "--workers", "0")
SEEDS = 20


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = self.id().rsplit(".", 1)[1]
        self.at = os.path.join(SERVER.served, self.folder)
        self.conf = SERVER.conf()
        if not SERVER.process:
            SERVER.start()

    def tearDown(self):
        subprocess.run(["umount", "-q", self.at], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.at, ignore_errors=True)

    def start(self, *arguments, url=None, program="kdump", command="save"):
        words = [os.path.join(TMP, program)] + ([command] if command else [])
        words += ["--conf", self.conf, *arguments]
        words += [] if "--probe" in arguments else [CORE]
        words += [url or SERVER.url(self.folder)]
        return subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, universal_newlines=True)

    def wait(self, process, status=0, seconds=60):
        try:
            process.out, process.err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.fail("it hangs")
        self.assertNotRegex(process.err, "Sanitizer|runtime error")
        if status is not None:
            self.assertEqual(process.returncode, status, process.err)
        return process

    def save(self, *arguments, status=0, seconds=60, **more):
        return self.wait(self.start(*arguments, **more), status, seconds)

    def fails(self, *texts, arguments=(), **more):
        """One sentence, at once."""
        begun = time.monotonic()
        result = self.save("-q", "--network-timeout", 1, *arguments, status=1, **more)
        self.assertLess(time.monotonic() - begun, 15)
        lines = [line for line in result.err.splitlines() if "warning:" not in line]
        self.assertEqual(len(lines), 1, result.err)
        for text in texts:
            self.assertIn(text, lines[0])

    def local(self, *arguments):
        """The same saved here."""
        path = os.path.join(TMP, "local")
        subprocess.run([KDUMP, "save", "-q", "-f", *map(str, arguments), CORE, path], check=True)
        return read(path)

    def whole(self, arguments=PLAIN, name="vmcore"):
        self.assertEqual(sorted(os.listdir(self.at)), ["README.txt", "dmesg.txt", name])
        self.assertTrue(read(os.path.join(self.at, name)) == self.local(*arguments), "the dump differs")
        self.assertIn(b"The dump is complete.", read(os.path.join(self.at, "README.txt")))

    def check(self, name, status):
        result = subprocess.run([KDUMP, "check", os.path.join(self.at, name)], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, universal_newlines=True, check=False)
        self.assertEqual(result.returncode, status, result.stderr + result.stdout)
        return result.stdout

    def at_size(self, size, act, process):
        """When the dump has SIZE bytes on the server, ACT."""
        path = os.path.join(self.at, "vmcore.writing")
        while process.poll() is None:
            try:
                if os.path.getsize(path) >= size:
                    act()
                    return True
            except OSError:
                pass
            time.sleep(0.0005)
        return False


class Works(Case):
    def test_folder(self):
        result = self.save("--workers", 0)
        self.whole(("--workers", "0"))
        for name, mode in (("", 0o700), ("vmcore", 0o600), ("dmesg.txt", 0o600), ("README.txt", 0o600)):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.at, name)).st_mode), mode)
        self.assertEqual(read(os.path.join(self.at, "dmesg.txt")).decode(), made_core.log_text())
        self.assertIn(SERVER.url(self.folder) + "/vmcore: ", result.out)
        self.assertRegex(result.out, "bytes were read back from there")
        self.check("vmcore", 0)

    def test_every_page(self):
        import kdumpfile  # pylint: disable=import-outside-toplevel
        # Nobody reads memory that is broken or not there.
        unread = {made_core.KINDS[kind][0] for kind in ("poisoned", "offline")}
        self.save("-q", "-d", 0)
        dump = kdumpfile.kdumpfile(os.path.join(self.at, "vmcore"))
        memory = read(CORE)[-made_core.NR_PAGES * made_core.PAGE:]
        for pfn in set(range(made_core.NR_PAGES)) - unread:
            page = dump.read(kdumpfile.KDUMP_MACHPHYSADDR, pfn * made_core.PAGE, made_core.PAGE)
            self.assertTrue(bytes(page) == memory[pfn * made_core.PAGE:(pfn + 1) * made_core.PAGE], hex(pfn))

    def test_elf(self):
        self.save("-q", "-E", "-d", 17)
        self.whole(("-E", "-d", "17"))

    def test_stream(self):
        self.save("-q", "-F", "--workers", 0)
        laid_out = os.path.join(TMP, "laid-out")
        subprocess.run([KDUMP, "reassemble", "-q", "-f", os.path.join(self.at, "vmcore.flat"), laid_out], check=True)
        self.assertTrue(read(laid_out) == self.local("--workers", "0"))

    def test_makedumpfile(self):
        self.save("-c", "-d", 31, "--log-name", "vmcore-dmesg.txt", program="makedumpfile", command=None)
        self.assertEqual(sorted(os.listdir(self.at)), ["README.txt", "vmcore", "vmcore-dmesg.txt"])
        self.assertIn(b"\nvmcore-dmesg.txt ", read(os.path.join(self.at, "README.txt")))
        self.check("vmcore", 0)

    def test_names_with_blanks(self):
        self.save("-q", url=SERVER.url(self.folder + "/a%20b/c"))
        self.assertEqual(sorted(os.listdir(os.path.join(self.at, "a b/c"))), ["README.txt", "dmesg.txt", "vmcore"])

    def test_overwriting(self):
        self.save("-q", "-E")
        before = read(os.path.join(self.at, "vmcore"))
        self.fails("/vmcore: exists; --force replaces it")
        self.assertTrue(read(os.path.join(self.at, "vmcore")) == before)
        self.save("-q", "--force", *PLAIN)
        self.whole()

    def test_probe(self):
        result = self.save("--probe")
        self.assertRegex(result.out, "^sftp://.*: can be written to; [0-9]+ bytes are free\n$")
        self.assertEqual(os.listdir(self.at), [])

    def test_ipv6_and_brackets(self):
        self.save("--probe", url=SERVER.url(self.folder, host="[127.0.0.1]"))

    def test_memory(self):
        """What is held is bounded, however large the dump is and slow the server."""
        process = self.start("-q", *PLAIN)
        self.wait(process)
        self.whole()


class Killed(Case):
    def kill_ssh(self, process):
        sshd.signal_all(sshd.below(process.pid), signal.SIGKILL)

    def test_ssh_killed(self):
        """At random moments, over and over."""
        total = 0
        for seed in range(SEEDS * (10 if LONG else 1)):
            numbers = random.Random(seed)
            sizes = sorted(numbers.randrange(0, 16 << 20) for _ in range(numbers.randrange(1, 4)))
            with self.subTest(seed=seed):
                process = self.start("-q", "--network-timeout", 5, *PLAIN)
                acts = [lambda: self.kill_ssh(process), SERVER.cut]
                acted = sum(self.at_size(size, numbers.choice(acts), process) for size in sizes)
                result = self.wait(process)
                self.whole()
                if acted:
                    self.assertIn("connecting again", result.err)
            total += acted
            shutil.rmtree(self.at, ignore_errors=True)
        self.assertGreater(total, SEEDS)


class Resumes(Case):
    def cut_at(self, sizes, act):
        """Save; at each of SIZES on the server, ACT."""
        process = self.start("-q", "--network-timeout", 3, *PLAIN)
        acted = sum(self.at_size(size, act, process) for size in sizes)
        result = self.wait(process)
        self.whole()
        return acted, result.err

    def test_server_restarted(self):
        def restart():
            SERVER.stop()
            threading.Timer(2, SERVER.start).start()
        acted, errors = self.cut_at([5 << 20], restart)
        self.assertEqual(acted, 1)
        self.assertIn("connecting again", errors)

    def test_stalled_session(self):
        """A server that is there and does nothing any more is left for a new one."""
        begun = time.monotonic()
        acted, errors = self.cut_at([5 << 20], SERVER.freeze)
        self.assertEqual(acted, 1)
        self.assertRegex(errors, "has not answered for 3 s.*connecting again|not responding.*connecting again")
        self.assertLess(time.monotonic() - begun, 30)
        SERVER.cut()

    def test_elf_resumes(self):
        process = self.start("-q", "--network-timeout", 5, "-E", "-d", 0)
        self.assertTrue(self.at_size(6 << 20, SERVER.cut, process))
        self.wait(process)
        self.whole(("-E", "-d", "0"))

    def test_gone_for_good(self):
        """After six times the timeout it is over; the file stays for whoever looks."""
        begun = time.monotonic()
        process = self.start("-q", "--network-timeout", 1, *PLAIN)
        self.assertTrue(self.at_size(5 << 20, SERVER.stop, process))
        result = self.wait(process, status=1)
        self.assertLess(time.monotonic() - begun, 30)
        self.assertIn("given up after", result.err)
        self.assertIn("vmcore.writing", os.listdir(self.at))

    def test_deadline(self):
        begun = time.monotonic()
        process = self.start("-q", "--network-timeout", 2, "--deadline", 2, *PLAIN)
        self.assertTrue(self.at_size(5 << 20, SERVER.stop, process))
        self.wait(process, status=1)
        self.assertLess(time.monotonic() - begun, 12)

    def test_signal(self):
        """Who asks to stop gets what there is."""
        process = self.start("-q", "--network-timeout", 5, *PLAIN)
        self.assertTrue(self.at_size(3 << 20, lambda: process.send_signal(signal.SIGTERM), process))
        result = self.wait(process, status=3)
        self.assertIn("asked to stop", result.err)
        self.assertIn("vmcore-incomplete", os.listdir(self.at))
        self.check("vmcore-incomplete", 3)


class Disks(Case):
    def disk(self, *options):
        os.mkdir(self.at)
        sshd.mount("-t", "tmpfs", "-o", ",".join(("uid=%d" % sshd.UID, "mode=700") + options), "tmpfs", self.at)

    def test_full(self):
        """What is there when the disk is full opens, and says that it is not all."""
        self.disk("size=8m")
        result = self.save("-q", *PLAIN, status=3)
        self.assertIn("the server's file system is full", result.err)
        self.assertEqual(sorted(os.listdir(self.at)), ["README.txt", "dmesg.txt", "vmcore-incomplete"])
        self.assertRegex(self.check("vmcore-incomplete", 3), "incomplete")
        self.assertIn(b"The dump is not complete.", read(os.path.join(self.at, "README.txt")))

    def test_full_before_anything(self):
        self.disk("size=4k", "nr_inodes=10")
        with open(os.path.join(self.at, "other"), "wb") as file:
            file.write(bytes(4096))
        self.fails("the server's file system is full")

    def test_level_that_fits(self):
        self.disk("size=4m")
        self.save("-q", "-d", "0,31", "--codec", "zlib")
        self.assertIn(", level 31", self.check("vmcore", 0))

    def test_no_inodes(self):
        self.disk("nr_inodes=1")
        self.fails("the server's file system is full")

    def test_read_only(self):
        self.disk()
        sshd.mount("-o", "remount,ro", self.at)
        self.fails("the server's file system is read-only")

    def test_not_permitted(self):
        os.mkdir(self.at, 0o755)
        self.fails("the server does not permit it")
        self.fails("cannot make the folder", "the server does not permit it", url=SERVER.url(self.folder + "/a/b"))

    def test_no_folder(self):
        with open(self.at, "wb"):
            pass
        self.addCleanup(os.unlink, self.at)
        self.fails("is there, but no folder")
        self.fails("a/b", url=SERVER.url(self.folder + "/a/b"))


class Refused(Case):
    def test_other_host_key(self):
        SERVER.write("known2", "[127.0.0.1]:%d %s" % (SERVER.port, SERVER.read("other-host.pub")))
        self.conf = SERVER.conf(ssh_known_hosts=SERVER.path("known2"))
        self.fails("the server's host key is another one than ssh_known_hosts has",
                   "ssh says: Host key verification failed.")

    def test_unknown_host(self):
        self.conf = SERVER.conf(ssh_known_hosts=SERVER.write("known2", ""))
        self.fails("ssh_known_hosts has no host key of this server", "kdumpctl propagate")
        # And nothing was added to it.
        self.assertEqual(SERVER.read("known2"), "")

    def test_no_list_of_hosts(self):
        self.conf = SERVER.conf(ssh_known_hosts="/nowhere/known")
        self.fails("the list of host keys /nowhere/known (ssh_known_hosts) cannot be read: No such file")

    def test_other_key(self):
        self.conf = SERVER.conf(sshkey=SERVER.path("other-user"))
        self.fails("the server does not let this user in with the key of sshkey", "ssh says: ", "Permission denied")

    def test_no_key(self):
        self.conf = SERVER.conf(sshkey="/nowhere/key")
        self.fails("the key /nowhere/key (sshkey) cannot be read: No such file")

    def test_key_that_others_may_read(self):
        shutil.copy(SERVER.path("user"), SERVER.path("open-user"))
        os.chmod(SERVER.path("open-user"), 0o644)
        self.conf = SERVER.conf(sshkey=SERVER.path("open-user"))
        self.fails("ssh does not take the key of sshkey: others may read it")

    def test_no_such_user(self):
        self.fails("the server does not let this user in", url=SERVER.url(self.folder, user="nobody-of-that-name"))

    def test_nobody_listens(self):
        url = "sftp://%s@127.0.0.1:%d/x" % (sshd.USER, sshd.free_port())
        self.fails("nobody listens there", "Connection refused", url=url)

    def test_no_such_host(self):
        self.fails("the server's name has no address", url="sftp://u@nowhere.invalid/x")

    def test_no_sftp(self):
        SERVER.stop()
        SERVER.configure(None)
        SERVER.start()
        self.addCleanup(SERVER.configure, SERVER.subsystem)
        self.addCleanup(SERVER.stop)
        self.fails("the server has no sftp", "subsystem request failed")

    def test_words_in_front(self):
        """A start-up file of the user's shell that prints something."""
        SERVER.stop()
        SERVER.configure("/bin/echo Welcome to this machine")
        SERVER.start()
        self.addCleanup(SERVER.configure, SERVER.subsystem)
        self.addCleanup(SERVER.stop)
        self.fails("what answers is no sftp server: its first words are \"Welcome")

    def test_silent_listener(self):
        """A port that takes connections and says nothing."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(10)
            self.fails("127.0.0.1:%d" % listener.getsockname()[1], "out",
                       url="sftp://u@127.0.0.1:%d/x" % listener.getsockname()[1])

    def test_bad_urls(self):
        for url, text in (("sftp://host", "the folder is missing"), ("sftp:///x", "no host's name"),
                          ("sftp://-oProxyCommand=x/x", "no host's name"), ("sftp://u@h:0/x", "no port"),
                          ("sftp://-l@h/x", "no user's name"), ("sftp://u@[::1/x", "brackets"),
                          ("sftp://u@h/%2", "hexadecimal"), ("sftp://u@h/%00", "hexadecimal"),
                          ("gopher://h/x", "a URL begins with one of sftp://"), ("sftp://a b@h/x", "no user's name")):
            with self.subTest(url=url):
                self.fails(text, url=url)


class Damage(Case):
    """A server that goes wrong: nothing is read where nothing is, nothing hangs, and what is said to be whole is."""

    def setUp(self):
        super().setUp()
        self.bin = os.path.join(TMP, "bin-" + self.folder)
        self.state = os.path.join(TMP, "state-" + self.folder)
        os.mkdir(self.bin)
        os.symlink(os.path.join(sshd.TOP, "tests/transport/fake_sftp.py"), os.path.join(self.bin, "ssh"))
        self.was = dict(os.environ)
        os.environ["PATH"] = self.bin + ":" + os.environ["PATH"]
        os.environ["FAKE_STATE"] = self.state

    def tearDown(self):
        os.environ.clear()
        os.environ.update(self.was)
        super().tearDown()

    def fake(self, what, status=0):
        os.environ["FAKE_SFTP"] = what
        if os.path.exists(self.state):
            os.unlink(self.state)
        shutil.rmtree(self.at, ignore_errors=True)
        return self.save("-q", "--network-timeout", 2, *PLAIN, status=status)

    def test_good(self):
        self.fake("")
        self.whole()

    def test_other_servers(self):
        for kind in ("no-extensions", "short-read", "reorder"):
            with self.subTest(kind=kind):
                self.fake(kind)
                self.whole()

    def test_old_server(self):
        self.assertIn("the server speaks version 2 of sftp; needed is 3", self.fake("old", status=1).err)

    def test_other_bytes(self):
        """What is stored is not what was sent: seen, told, and the dump is not called whole."""
        for kind in ("flip", "flip-table"):
            with self.subTest(kind=kind):
                result = self.fake(kind, status=None)
                self.assertIn(result.returncode, (1, 3))
                self.assertIn("is not what was sent", result.err)
                self.assertNotIn("vmcore", os.listdir(self.at))

    def test_damage(self):
        """Once, at some request; over a new connection all is well."""
        kinds = ("wrong-id", "garbage", "text", "cut", "huge", "empty", "twice", "type", "data", "handle", "part",
                 "gone")
        for number, kind in enumerate(kinds):
            for seed in range(40 if LONG else 3):
                at = random.Random(number * 1000 + seed).randrange(1, 700 if seed else 40)
                with self.subTest(kind=kind, at=at):
                    result = self.fake("%s:%d" % (kind, at), status=None)
                    if result.returncode == 0:
                        self.whole()
                    # Bytes that were not asked for may be believed where a read was: they are not what was sent.
                    elif kind == "data":
                        self.assertEqual(result.returncode, 3, result.err)
                        self.assertIn("is not what was sent", result.err)
                        self.assertNotIn("vmcore", os.listdir(self.at))
                    else:
                        self.fail(result.err)

    def test_hanging(self):
        for at in (1, 60, 300):
            with self.subTest(at=at):
                begun = time.monotonic()
                self.fake("hang:%d" % at)
                self.whole()
                self.assertLess(time.monotonic() - begun, 20)

    def test_refusal(self):
        """Any one request is answered with a failure: an end, and what is called whole is."""
        for at in list(range(1, 40)) + (list(range(40, 700, 7)) if LONG else [60, 100, 300, 500]):
            with self.subTest(at=at):
                result = self.fake("refuse:%d" % at, status=None)
                self.assertIn(result.returncode, (0, 1, 3), result.err)
                if result.returncode == 0:
                    self.assertTrue(read(os.path.join(self.at, "vmcore")) == self.local(*PLAIN))
                else:
                    self.assertFalse(os.path.exists(os.path.join(self.at, "vmcore")))
                    self.assertIn("the server", result.err)


def run(groups):
    """Each group of tests in a process of its own, with its own server: most of them wait most of the time."""
    processes = [subprocess.Popen([sys.executable, *sys.argv, *("--only=" + name for name in group)],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
                 for group in groups]
    passed = failed = 0
    for process in processes:
        out = process.communicate()[0]
        print("\n".join(out.splitlines()[:-1]))
        count = re.search(r"^(\d+) passed, (\d+) failed$", out, re.M)
        passed += int(count[1]) if count else 0
        failed += int(count[2]) if count else 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


def main():
    global KDUMP, LONG, SERVER, TMP, CORE  # pylint: disable=global-statement
    LONG = "--long" in sys.argv
    KDUMP = os.path.abspath([argument for argument in sys.argv[1:] if not argument.startswith("-")][0])
    chosen = [argument[7:] for argument in sys.argv if argument.startswith("--only=")]
    if not chosen:
        sshd.fetch()
        return run((["Works", "Disks"], ["Resumes"], ["Killed"], ["Refused"], ["Damage"]))
    sshd.enter()
    TMP = tempfile.mkdtemp(prefix="kdump-sftp-")
    os.chmod(TMP, 0o755)
    try:
        for name in ("kdump", "makedumpfile"):
            os.symlink(KDUMP, os.path.join(TMP, name))
        CORE = os.path.join(TMP, "core")
        with open(CORE, "wb") as file:
            file.write(made_core.core_bytes())
        SERVER = sshd.Sshd(os.path.join(TMP, "server"))
        result = unittest.main(argv=[sys.argv[0]] + chosen, exit=False, verbosity=2).result
        SERVER.stop()
    finally:
        shutil.rmtree(TMP, ignore_errors=True)
    bad = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (max(result.testsRun - bad, 0), bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
