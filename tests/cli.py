#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole `kexec` command against a made-up machine, with the system call replaced (tests/fakes/kexec_fake.c).

    tests/cli.py KEXEC FAKE.so
"""
import ctypes
import errno
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest

TESTS = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, TESTS)
import images  # noqa: E402

KEXEC = FAKE = None
LIBC = ctypes.CDLL(None, use_errno=True)
PR_CAPBSET_DROP, CAP_SYS_BOOT = 24, 22


def without_sys_boot():
    """Should the fake ever not be in place, the kernel of this machine refuses."""
    LIBC.prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT, 0, 0, 0)


def write(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Machine(unittest.TestCase):
    """A fresh x86_64 machine with 256 MiB reserved, a kernel and an initrd."""
    crash = "256M"
    arch = "x86_64"

    def setUp(self):
        self.tmp = tempfile.mkdtemp()
        self.root = os.path.join(self.tmp, "root")
        subprocess.run(["/usr/bin/python3", os.path.join(TESTS, "root/make-synthetic"), "--arch", self.arch, "--cpus", "4", "--ranges", "6",
                        "--crash", self.crash, self.root], check=True)
        write(self.root, "proc/self/status", "Name:\tkexec\nCapEff:\t000001ffffffffff\n")
        write(self.root, "proc/sys/kernel/kexec_load_disabled", "0\n")
        write(self.root, "proc/meminfo", "MemTotal:        8000000 kB\n")
        write(self.root, "sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
        write(self.root, "sys/kernel/kexec_crash_loaded", "0\n")
        write(self.root, "sys/kernel/kexec_loaded", "0\n")
        self.kernel = os.path.join(self.tmp, "vmlinuz")
        self.initrd = os.path.join(self.tmp, "initrd")
        write(self.tmp, "vmlinuz", images.for_arch(self.arch))
        write(self.tmp, "initrd", images.payload_bytes(2 << 20))
        self.log = os.path.join(self.tmp, "log")
        os.makedirs(os.path.join(self.tmp, "dump"))

    def tearDown(self):
        shutil.rmtree(self.tmp)

    def kexec(self, *arguments, **fake):
        env = dict(os.environ, LD_PRELOAD=FAKE, KEXEC_FAKE_ROOT=self.root, KEXEC_FAKE_LOG=self.log,
                   KEXEC_FAKE_DUMP=os.path.join(self.tmp, "dump"))
        env.update({"KEXEC_FAKE_" + key.upper(): str(value) for key, value in fake.items()})
        return subprocess.run([KEXEC, *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=60, preexec_fn=without_sys_boot)

    def load(self, *arguments, **fake):
        return self.kexec("-p", self.kernel, "--initrd", self.initrd, "--append", "irqpoll", *arguments, **fake)

    def need_json(self):
        if "+json" not in self.kexec("--version").stdout:
            self.skipTest("this build has no JSON")

    def calls(self):
        if not os.path.exists(self.log):
            return []
        with open(self.log) as f:
            return [line.split() for line in f]

    def fails(self, run, *texts, status=1):
        self.assertEqual(run.returncode, status, run.stderr)
        self.assertEqual(run.stdout, "")
        for text in texts:
            self.assertIn(text, run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)


@unittest.skipUnless(os.uname().machine == "x86_64", "loads for the machine it runs on")
class Load(Machine):
    def test_loads(self):
        run = self.load()
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(run.stderr, "")
        load, *segments = self.calls()
        self.assertEqual(load[0], "load")
        self.assertEqual(int(load[2], 16), 1 | 62 << 16)
        self.assertGreaterEqual(len(segments), 5)
        entry = int(load[1], 16)
        self.assertTrue(any(int(s[1], 16) <= entry < int(s[1], 16) + int(s[3], 16) for s in segments))

    def test_kernel_and_initrd_are_handed_over_byte_for_byte(self):
        self.assertEqual(self.load().returncode, 0)
        dumps = [read(os.path.join(self.tmp, "dump", name)) for name in os.listdir(os.path.join(self.tmp, "dump"))]
        self.assertIn(read(self.initrd), dumps)
        self.assertIn(read(self.kernel)[5 * 512:], dumps)

    def core_header_machine(self, *arguments):
        """Class and machine of the core headers that were handed to the kernel."""
        dump = os.path.join(self.tmp, "dump")
        shutil.rmtree(dump)
        os.makedirs(dump)
        run = self.load(*arguments)
        self.assertEqual(run.returncode, 0, run.stderr)
        headers = [data for data in (read(os.path.join(dump, name)) for name in os.listdir(dump)) if data.startswith(b"\x7fELF")]
        self.assertEqual(len(headers), 1)
        return headers[0][4], struct.unpack_from("<H", headers[0], 18)[0]

    def test_core_headers_suit_the_capture_kernel(self):
        """A 32-bit kernel takes ELF32 headers of its own machine only."""
        self.root = os.path.join(self.tmp, "small")
        shutil.copytree(os.path.join(TESTS, "root/x86_64-bios"), self.root)
        write(self.root, "proc/self/status", "CapEff:\t000001ffffffffff\n")
        self.assertEqual(self.core_header_machine(), (2, 62))
        self.assertEqual(self.core_header_machine("--elf32-core-headers"), (1, 62))
        write(self.tmp, "vmlinuz", images.bzimage(xloadflags=0))
        self.assertEqual(self.core_header_machine(), (2, 62))
        self.assertEqual(self.core_header_machine("--elf32-core-headers"), (1, 3))

    def test_each_errno_becomes_a_sentence(self):
        for name, text in [("EBUSY", "another program is loading"), ("EPERM", "security module"), ("EACCES", "security module"),
                           ("EADDRNOTAVAIL", "reservation has changed"), ("EINVAL", "invalid"), ("ENOMEM", "larger crashkernel="),
                           ("ENOSYS", "CONFIG_KEXEC"), ("EFAULT", "could not read a segment"), ("EIO", "Input/output error")]:
            with self.subTest(name):
                self.fails(self.load(errno=getattr(errno, name)), "kexec_load failed (" + name, text, "no capture kernel is loaded now")

    def test_error_says_that_the_earlier_image_stays(self):
        write(self.root, "sys/kernel/kexec_crash_loaded", "1\n")
        self.fails(self.load(errno=errno.EINVAL), "loaded before stays loaded")

    def test_cause_is_told_though_the_state_is_unknown(self):
        os.unlink(os.path.join(self.root, "sys/kernel/kexec_crash_loaded"))
        shutil.rmtree(os.path.join(self.root, "sys/kernel/kexec"), ignore_errors=True)
        self.fails(self.load(errno=errno.EINVAL), "EINVAL; whether a capture kernel is still loaded cannot be told", "layout for invalid")

    def test_debug_shows_each_system_call(self):
        for arguments in (["-p", self.kernel, "-d"], ["-p", "-u", "-d"]):
            run = self.kexec(*arguments)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertIn("kexec_load: entry ", run.stderr)

    def test_limits_that_leave_no_room_are_named(self):
        start = [int(line.split("-")[0], 16) for line in read(os.path.join(self.root, "proc/iomem")).decode().splitlines() if "Crash kernel" in line][-1]
        for limit in ["--mem-min=2048G", "--mem-max=1M", "--mem-max=%#x" % (start + (1 << 20)), "--mem-min=%#x" % (start + (255 << 20))]:
            run = self.load(limit)
            self.fails(run, "--mem-min and --mem-max do not leave enough", "no room for the kernel")
            self.assertNotIn("0xffffffffffffffff", run.stderr)
        self.assertEqual(self.calls(), [])
        limits = start + (16 << 20), start + (200 << 20) - 1
        self.assertEqual(self.load("--mem-min=%#x" % limits[0], "--mem-max=%#x" % limits[1]).returncode, 0)
        for _, at, size, *_ in self.calls()[1:]:
            self.assertGreaterEqual(int(at, 16), limits[0])
            self.assertLessEqual(int(at, 16) + int(size, 16) - 1, limits[1])

    def test_busy_is_tried_again(self):
        run = self.load(errno=errno.EBUSY, times=3)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(len([c for c in self.calls() if c[0] == "load"]), 4)

    def test_refusals_known_beforehand_never_reach_the_kernel(self):
        cases = [("proc/self/status", "CapEff:\t0000000000000000\n", "CAP_SYS_BOOT"),
                 ("proc/sys/kernel/kexec_load_disabled", "1\n", "kexec_load_disabled is 1"),
                 ("sys/kernel/security/lockdown", "none [integrity] confidentiality\n", "locked down"),
                 ("sys/kernel/kexec_crash_size", "0\n", "add crashkernel=256M"),
                 ("proc/meminfo", "MemTotal: 8000 kB\n", "at most half"),
                 ("proc/iomem", "00000000-00000000 : System RAM\n", "hides the addresses")]
        for path, text, sentence in cases:
            with self.subTest(path):
                old = read(os.path.join(self.root, path))
                write(self.root, path, text)
                self.fails(self.load(), sentence)
                write(self.root, path, old)
        self.assertEqual(self.calls(), [])
        self.assertEqual(self.load().returncode, 0)

    def test_no_crash_region(self):
        path = os.path.join(self.root, "proc/iomem")
        lines = [line for line in read(path).decode().splitlines(True) if "Crash kernel" not in line]
        write(self.root, "proc/iomem", "".join(lines))
        self.fails(self.load(), "crashkernel=")

    def test_truncated_files(self):
        whole = read(self.kernel)
        for length in [0, 1, 0x1f0, 0x1f1, 0x200, 0x202, 0x206, 0x250, 0x268, 5 * 512, 5 * 512 + 1, len(whole) // 2, len(whole) - 1]:
            with self.subTest(length):
                write(self.tmp, "vmlinuz", whole[:length])
                self.fails(self.load(), "vmlinuz")
        write(self.tmp, "vmlinuz", whole)
        write(self.tmp, "initrd", b"")
        self.fails(self.load(), "initrd")
        self.assertEqual(self.calls(), [])

    def test_missing_files(self):
        self.fails(self.kexec("-p", "/nonexistent/kernel"), "/nonexistent/kernel", "No such file")
        self.fails(self.load("--initrd", self.initrd, "-t", "vmlinux"), "vmlinux")
        self.fails(self.kexec("-p", self.kernel, "--initrd", self.tmp), "directory")

    def test_command_line_too_long(self):
        self.fails(self.load("--append", "x" * 3000), "command line")
        self.assertEqual(self.calls(), [])

    def test_reused_command_line_loses_whole_words_only(self):
        write(self.root, "proc/cmdline", 'BOOT_IMAGE=/vmlinuz root=/dev/vda crashkernel=256M xcrashkernel=1 crashkernel=72M,low foo="a b" quiet\n')
        run = self.load("--reuse-cmdline", "--dry-run")
        self.assertEqual(run.returncode, 0, run.stderr)
        line = [l for l in run.stdout.splitlines() if l.startswith("Command line: ")][0]
        self.assertIn(' root=/dev/vda xcrashkernel=1 foo="a b" quiet irqpoll', line)
        self.assertNotIn("BOOT_IMAGE", line)
        self.assertNotIn(" crashkernel=", line)

    def test_no_checks(self):
        self.assertEqual(self.load("-i").returncode, 0)
        self.assertIn("not compared", self.load("-i", "--dry-run").stdout)
        self.assertNotIn("not compared", self.load("--dry-run").stdout)

    def test_hotplug_needs_a_kernel_that_has_it(self):
        for path in ["sys/kernel/crash_elfcorehdr_size", "sys/kernel/kexec/crash_elfcorehdr_size"]:
            if os.path.exists(os.path.join(self.root, path)):
                os.unlink(os.path.join(self.root, path))
        self.fails(self.load("--hotplug"), "--hotplug")
        write(self.root, "sys/kernel/crash_elfcorehdr_size", "460800\n")
        run = self.load("--hotplug")
        self.assertEqual(run.returncode, 0, run.stderr)
        calls = self.calls()
        self.assertEqual(int(calls[0][2], 16), 1 | 4 | 62 << 16)
        self.assertIn(460800 + 4095 & ~4095, [int(c[2], 16) for c in calls[1:]])

    def test_unload(self):
        self.assertEqual(self.kexec("-p", "-u").returncode, 0)
        self.assertEqual(self.calls(), [["load", "0", "%x" % (1 | 62 << 16)]])
        os.unlink(self.log)
        self.assertEqual(self.kexec("-u").returncode, 0)
        self.assertEqual(self.calls(), [["load", "0", "%x" % (62 << 16)]])
        self.fails(self.kexec("-p", "-u", errno=errno.EBUSY), "cannot unload")


@unittest.skipUnless(os.uname().machine == "x86_64", "loads for the machine it runs on")
class SmallReservation(Machine):
    crash = "4M"

    def test_needed_number_is_told(self):
        self.fails(self.load(), "of 4 MiB is too small", "the files alone take")
        self.assertEqual(self.calls(), [])

def elf_core(loads, head=4096):
    """An ELF core file's headers, padded: LOADS are (virtual, physical, bytes), one behind the other in the file from HEAD on."""
    out = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(loads), 0, 0, 0)
    offset = head
    for vaddr, paddr, size in loads:
        out += struct.pack("<IIQQQQQQ", 1, 7, offset, vaddr, paddr, size, size, 4096)
        offset += size
    return out.ljust(head, b"\0")


@unittest.skipUnless(os.uname().machine == "x86_64", "loads for the machine it runs on")
class Digests(Machine):
    """--digests: what is remembered of files that have not changed."""

    def segments(self, *arguments, **fake):
        if os.path.exists(self.log):
            os.unlink(self.log)
        run = self.load(*arguments, **fake)
        self.assertEqual(run.returncode, 0, run.stderr)
        dump = os.path.join(self.tmp, "dump")
        return run, {line[1]: read(os.path.join(dump, line[1])) for line in self.calls() if line[0] == "segment"}

    def json(self):
        return "+json" in self.kexec("--version").stdout

    def digests(self, *arguments):
        plan = json.loads(self.load("--dry-run", "--json", *arguments).stdout)
        return {row["what"]: row["sha256"] for row in plan["segments"] if row["what"] in ("kernel", "initrd")}

    def test_the_same_image_with_and_without(self):
        store = os.path.join(self.tmp, "digests")
        # ctime cannot be set, and what is younger than three seconds is not remembered.
        while time.time() - os.stat(self.initrd).st_ctime < 3.2:
            time.sleep(0.1)
        first, segments = self.segments("--digests", store, "-d")
        self.assertNotIn("is remembered", first.stderr)
        self.assertEqual(os.stat(store).st_mode & 0o777, 0o600)
        self.assertEqual(len(read(store).splitlines()), 3)
        again, same = self.segments("--digests", store, "-d")
        self.assertEqual(again.stderr.count("its digest is remembered"), 2)
        # boot_params has a new seed, the purgatory its digest, the description the time.
        self.assertEqual(len([name for name in segments if segments[name] != same[name]]), 3)
        with_, without = (self.digests("--digests", store), self.digests()) if self.json() else ({}, {})
        self.assertEqual(with_, without)
        text = read(self.initrd)
        write(self.tmp, "initrd", text[:-1] + bytes([text[-1] ^ 1]))
        changed, other = self.segments("--digests", store, "-d")
        self.assertEqual(changed.stderr.count("its digest is remembered"), 1)
        self.assertNotEqual(same, other)

    def test_a_load_that_fails_remembers_nothing(self):
        store = os.path.join(self.tmp, "digests")
        run = self.load("--digests", store, errno=errno.EPERM)
        self.assertEqual(run.returncode, 1)
        self.assertFalse(os.path.exists(store))


class Published(Machine):
    """What was loaded, put into the memory of a made-up machine: kexec --verify and kdump inspect."""
    DIRECT_MAP = 0xffff888000000000

    def setUp(self):
        super().setUp()
        self.need_json()
        ranges = [line for line in read(os.path.join(self.root, "proc/iomem")).decode().splitlines() if "Crash kernel" in line]
        self.start, self.last = (int(x, 16) for x in ranges[-1].split(" : ")[0].split("-"))
        self.kdump = os.path.join(os.path.dirname(KEXEC), "kdump")
        write(self.tmp, "small", images.payload_bytes(100000))
        run = self.load("--fallback-initrd", os.path.join(self.tmp, "small"), "--json", "--dry-run")
        self.plan = json.loads(run.stdout)
        self.assertEqual(self.load("--fallback-initrd", os.path.join(self.tmp, "small")).returncode, 0)
        write(self.root, "sys/kernel/kexec_crash_loaded", "1\n")
        self.memory = {int(line[1], 16): read(os.path.join(self.tmp, "dump", line[1])) for line in self.calls() if line[0] == "segment"}
        self.write_images()

    def write_images(self):
        """The region as /proc/kcore shows it, as an ELF core from outside, and raw."""
        size = self.last - self.start + 1
        heads = {"kcore": elf_core([(self.DIRECT_MAP + self.start, self.start, size)]), "elf": elf_core([(0, self.start, size)]), "raw": b""}
        self.files = {"kcore": os.path.join(self.root, "proc/kcore"), "elf": os.path.join(self.tmp, "elf"), "raw": os.path.join(self.tmp, "raw")}
        for name, head in heads.items():
            with open(self.files[name], "wb") as f:
                f.write(head)
                for at, data in self.memory.items():
                    f.seek(len(head) + at - self.start)
                    f.write(data)
                f.truncate(len(head) + size)

    def flip(self, address):
        for name, head in (("kcore", 4096), ("elf", 4096), ("raw", 0)):
            with open(self.files[name], "r+b") as f:
                f.seek(head + address - self.start)
                byte = f.read(1)[0]
                f.seek(head + address - self.start)
                f.write(bytes([byte ^ 16]))

    def looks(self):
        """(who, exit status, report) of each that looks."""
        runs = [("verify", self.kexec("--verify", "--json"))]
        for name in ("elf", "raw"):
            runs.append((name, subprocess.run([self.kdump, "inspect", "--json", self.files[name]], stdout=subprocess.PIPE,
                                              stderr=subprocess.PIPE, universal_newlines=True, timeout=60)))
        for who, run in runs:
            self.assertTrue(run.stdout, run.stderr)
            yield who, run.returncode, json.loads(run.stdout)

    def segments(self):
        return [(row["what"], int(row["mem"], 16), int(row["bufsz"], 16), int(row["memsz"], 16), "sha256" in row) for row in self.plan["segments"]]

    def test_intact(self):
        for who, status, report in self.looks():
            with self.subTest(who):
                self.assertEqual((status, report["verdict"]), (0, "intact"), report)
                self.assertEqual(report["images"], {"primary": "intact", "fallback": "intact"})
                self.assertEqual([row["purpose"] for row in report["segments"]], [row[0] for row in self.segments()])
                self.assertEqual(report["description"]["policy"], "fallback")
                vmcoreinfo = read(os.path.join(self.root, "sys/kernel/vmcoreinfo")).split()
                self.assertEqual([int(report["vmcoreinfo"][key], 16) for key in ("paddr", "bytes")], [int(word, 16) for word in vmcoreinfo])
                headers = [row for row in self.segments() if row[0] == "elfcorehdr"][0]
                self.assertEqual([int(report["core_headers"][key], 16) for key in ("paddr", "bytes")], [headers[1], headers[2]])
        text = self.kexec("--verify")
        self.assertEqual(text.returncode, 0)
        self.assertIn("Fallback image: intact\n/proc/kcore: intact\n", text.stdout)

    def test_one_bit_in_each_segment(self):
        for what, mem, bufsz, memsz, digest in self.segments():
            places = ([mem, mem + bufsz - 1] if bufsz else []) + ([mem + memsz - 1] if memsz > bufsz else [])
            for place in places:
                self.flip(place)
                for who, status, report in self.looks():
                    with self.subTest(what=what, place=place - mem, who=who):
                        damaged = [row["purpose"] for row in report.get("segments", []) if row["verdict"] == "damaged"]
                        if what == "description":
                            self.assertEqual(status, 3, report)
                            self.assertIn("description", report["why"])
                        elif digest or what == "purgatory":
                            self.assertEqual((status, damaged), (3, [what]), report)
                        else:
                            self.assertEqual((status, damaged), (0, []), report)
                self.flip(place)

    def test_which_image_is_damaged(self):
        names = {row[0]: row[1] for row in self.segments()}
        for what, images_ in (("fallback-initrd", {"primary": "intact", "fallback": "damaged"}), ("kernel", {"primary": "damaged", "fallback": "damaged"}),
                              ("initrd", {"primary": "damaged", "fallback": "intact"})):
            self.flip(names[what])
            for _, status, report in self.looks():
                self.assertEqual((status, report["images"]), (3, images_))
            self.flip(names[what])

    def cannot_tell(self, text, *arguments):
        run = self.kexec("--verify", *arguments)
        self.assertEqual((run.returncode, run.stderr), (1, ""), run.stdout)
        self.assertIn("/proc/kcore: cannot tell: ", run.stdout)
        self.assertIn(text, run.stdout)

    def test_why_it_cannot_be_told(self):
        write(self.root, "sys/kernel/kexec_crash_loaded", "0\n")
        self.cannot_tell("no capture kernel is loaded")
        write(self.root, "sys/kernel/kexec_crash_loaded", "1\n")
        whole = self.memory
        self.memory = {self.start: b"x" * 5000}
        self.write_images()
        self.cannot_tell("not by this program")
        self.cannot_tell("takes a loaded capture kernel out of its own map", "--arch", "arm64")
        self.memory = {}
        self.write_images()
        self.cannot_tell("reads as zeros")
        self.memory = whole
        self.write_images()
        kcore = os.path.join(self.root, "proc/kcore")
        data = read(kcore)
        write(self.root, "proc/kcore", elf_core([(self.DIRECT_MAP, 0, 4096)]))
        self.cannot_tell("does not tell where")
        write(self.root, "proc/kcore", data[:4096])
        self.cannot_tell("cannot be read through /proc/kcore")
        write(self.root, "proc/kcore", b"not ELF" * 99)
        self.cannot_tell("memory cannot be read: ")
        os.unlink(kcore)
        self.cannot_tell("CONFIG_PROC_KCORE")

    def test_part_that_cannot_be_read(self):
        """A core that ends inside the initrd: what can be read is intact, the rest cannot be told."""
        initrd = [row for row in self.segments() if row[0] == "initrd"][0]
        with open(self.files["elf"], "r+b") as f:
            f.truncate(4096 + initrd[1] - self.start + 4096)
        run = subprocess.run([self.kdump, "inspect", "--json", self.files["elf"]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        report = json.loads(run.stdout)
        self.assertEqual((run.returncode, report["verdict"]), (1, "cannot tell"))
        self.assertEqual({row["purpose"]: row["verdict"] for row in report["segments"]}["initrd"], "cannot tell")
        self.assertEqual(report["images"], {"primary": "cannot tell", "fallback": "intact"})

    def inspect(self, *arguments):
        return subprocess.run([self.kdump, "inspect", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=60)

    def test_compressed_dump_of_the_image(self):
        dump = os.path.join(self.tmp, "dump.kd")
        subprocess.run([self.kdump, "save", "-d", "0", "-c", self.files["elf"], dump], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
        self.assertEqual(self.inspect(dump).returncode, 0)
        self.flip([row[1] for row in self.segments() if row[0] == "kernel"][0] + 77)
        os.unlink(dump)
        subprocess.run([self.kdump, "save", "-d", "0", "-c", self.files["elf"], dump], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
        run = self.inspect(dump)
        self.assertEqual(run.returncode, 3)
        self.assertIn("kernel                damaged: expected ", run.stdout)

    def test_inspect_arguments(self):
        self.assertEqual(self.inspect("--base=%#x" % self.start, self.files["raw"]).returncode, 0)
        wrong = self.inspect("--base=0x1000", self.files["raw"])
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("cannot tell: there is no description", wrong.stdout)
        for arguments in ([], ["--base=5", "f"], ["--base=x", "f"], ["a", "b"], ["--frob", "f"]):
            with self.subTest(arguments):
                self.assertEqual(self.inspect(*arguments).returncode, 2)
        self.assertEqual(self.inspect("/nonexistent").returncode, 1)
        write(self.tmp, "tiny", "x")
        self.assertIn("less than a page", self.inspect(os.path.join(self.tmp, "tiny")).stderr)
        write(self.tmp, "zeros", bytes(1 << 20))
        self.assertIn("there is no description", self.inspect(os.path.join(self.tmp, "zeros")).stdout)


@unittest.skipUnless(os.uname().machine == "x86_64", "loads for the machine it runs on")
class Fallback(Machine):
    def plan(self, *arguments):
        self.need_json()
        run = self.load("--dry-run", "--json", *arguments)
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)

    def needs(self, plan):
        return {row["what"]: (row["primary"], row["fallback"]) for row in plan["segments"]}

    def test_what_is_shared(self):
        write(self.tmp, "small", images.payload_bytes(5000))
        small = os.path.join(self.tmp, "small")
        needs = self.needs(self.plan("--fallback-initrd", small))
        self.assertEqual(needs["kernel"], (True, True))
        self.assertEqual(needs["initrd"], (True, False))
        self.assertEqual(needs["fallback-initrd"], (False, True))
        self.assertEqual(needs["boot_params"], (True, False))
        self.assertEqual(needs["fallback-boot_params"], (False, True))
        self.assertEqual(needs["elfcorehdr"], (True, True))
        needs = self.needs(self.plan("--fallback-kernel", self.kernel))
        self.assertEqual(needs["initrd"], (True, True))
        self.assertEqual(needs["fallback-kernel"], (False, True))
        plan = self.plan("--fallback-kernel", self.kernel, "--fallback-initrd", "none")
        self.assertEqual(self.needs(plan)["initrd"], (True, False))
        self.assertNotIn("fallback-initrd", self.needs(plan))
        self.assertEqual(plan["images"][1]["initrd_paddr"], "0x0")

    def test_command_lines(self):
        write(self.tmp, "small", images.payload_bytes(5000))
        small = os.path.join(self.tmp, "small")
        lines = [image["cmdline"] for image in self.plan("--fallback-initrd", small)["images"]]
        self.assertTrue(all(line.startswith("irqpoll ") for line in lines), lines)
        lines = [image["cmdline"] for image in self.plan("--fallback-initrd", small, "--fallback-append", "single")["images"]]
        self.assertTrue(lines[0].startswith("irqpoll ") and lines[1].startswith("single "), lines)
        lines = [image["cmdline"] for image in self.plan("--append", "kdump.verify=lie -- init")["images"]]
        self.assertIn(" kdump.verify=unknown -- init", lines[0])
        self.assertNotIn("lie", lines[0])

    def test_what_goes_wrong_is_said_of_the_fallback(self):
        bad = os.path.join(self.tmp, "bad")
        write(self.tmp, "bad", "no kernel")
        self.fails(self.load("--fallback-kernel", bad), "cannot load the fallback kernel", "bad")
        self.fails(self.load("--fallback-initrd", "/nonexistent"), "cannot load the fallback initrd", "/nonexistent")
        write(self.tmp, "old", images.bzimage(xloadflags=0))
        self.fails(self.load("--fallback-kernel", os.path.join(self.tmp, "old"), "--elf32-core-headers"), "ELF32 core headers are for one only")
        self.fails(self.load("--fallback-kernel", self.kernel, "--fallback-append", "x" * 3000), "the fallback image", "command line")
        write(self.tmp, "large", images.bzimage(init_size=300 << 20))
        self.fails(self.load("--fallback-kernel", os.path.join(self.tmp, "large")), "reservation of 256 MiB is too small", "fallback-kernel")
        self.fails(self.load("--on-corruption=fallback"), "needs a fallback", status=2)
        self.assertEqual(self.calls(), [])

    def test_room_for_the_verdict_counts(self):
        """A command line that fits as it is, but not with the longest verdict behind it."""
        long = "x" * (2047 - len("irqpoll elfcorehdr=0x123456789000 kdump.verify=unknown") - 2)
        self.assertEqual(self.load("--dry-run", "--append", long).returncode, 0)
        self.fails(self.load("--dry-run", "--append", long, "--on-corruption=boot"), "command line")

    def test_consoles(self):
        self.assertEqual(self.plan("--serial=0x2f8", "--serial-baud=9600", "--console-vga")["consoles"],
                         [{"type": "vga", "base": "0xb8000", "reg_shift": 0, "baud": 0},
                          {"type": "8250-port", "base": "0x2f8", "reg_shift": 0, "baud": 9600}])
        self.assertEqual([con["base"] for con in self.plan("--serial=mmio32,0x8f000000000")["consoles"]], ["0x8f000000000"])
        self.fails(self.load("--serial=pl011,0x9000000", "--serial-baud=9600"), "none of the purgatory's consoles is a 16550")
        self.fails(self.load("--serial=ttyAMA7"), "--serial=ttyAMA7")



class Questions(Machine):
    def test_status(self):
        self.assertEqual(self.kexec("-S").returncode, 0)
        write(self.root, "sys/kernel/kexec_crash_loaded", "1\n")
        self.assertEqual(self.kexec("-S").returncode, 1)
        self.assertEqual(self.kexec("-S", "-p").returncode, 1)
        self.assertEqual(self.kexec("-S", "-l").returncode, 0)
        write(self.root, "sys/kernel/kexec/crash_loaded", "0\n")
        self.assertEqual(self.kexec("-S").returncode, 0)
        shutil.rmtree(os.path.join(self.root, "sys/kernel/kexec"))
        os.unlink(os.path.join(self.root, "sys/kernel/kexec_crash_loaded"))
        self.assertEqual(self.kexec("-S").returncode, 255)
        self.assertEqual(self.kexec("-S", "--sysroot", "/nonexistent").returncode, 255)

    def test_crashkernel_size(self):
        run = self.kexec("--print-ckr-size", "--arch", self.arch)
        self.assertEqual((run.returncode, run.stdout), (0, "%d\n" % (256 << 20)))

    def test_ranges(self):
        run = self.kexec("--print-ranges", "--arch", self.arch)
        self.assertEqual(run.returncode, 0, run.stderr)
        for text in ["RAM: ", "Crash kernel regions: 1", "CPU notes: 4", "vmcoreinfo: 0x", "Dumped: "]:
            self.assertIn(text, run.stdout)

    def test_version_and_help(self):
        run = self.kexec("--version")
        self.assertEqual(run.returncode, 0)
        self.assertIn("unpacks:", run.stdout)
        self.assertIn("--print-ranges", self.kexec("--help").stdout)

    def test_usage_errors_exit_with_2(self):
        self.fails(self.kexec("--frobnicate"), "unknown", status=2)
        self.fails(self.kexec(), "nothing to do", status=2)
        self.fails(self.kexec("-e"), "not supported", status=2)

    def test_full_output_device_is_an_error(self):
        with open("/dev/full", "w") as full:
            run = subprocess.run([KEXEC, "--version"], stdout=full, stderr=subprocess.PIPE, universal_newlines=True)
        self.assertEqual(run.returncode, 1)
        self.assertIn("standard output", run.stderr)


if __name__ == "__main__":
    KEXEC, FAKE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    ctypes.CDLL(FAKE)      # without it these tests would ask the kernel of this machine: stop here
    result = unittest.main(argv=[sys.argv[0]], exit=False, verbosity=1).result
    bad = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.testsRun - len(result.skipped) - bad, bad))
    sys.exit(1 if bad else 0)
