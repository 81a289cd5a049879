#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every option of the makedumpfile front, on a made-up core: makedumpfile-cli.py KDUMP [CORE...]

CORE: cores of real kernels, which are put through the most used options as well.
"""
import json
import os
import re
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kdump_case  # noqa: E402
import made_core  # noqa: E402
from kdump_case import CODEC_FLAGS, NR, Case, left, read  # noqa: E402


class Front(Case):
    """makedumpfile's command lines."""
    # What was accepted of whom: the option, what is said.
    END = "\nThe dumpfile is saved to %s.\n\nmakedumpfile Completed.\n"

    def test_core_collector_lines(self):
        for line in ("-l --message-level 7 -d 31", "-c --message-level 1 -d 31", "-z -d 31", "-d 31 -c",
                     "-l --message-level 1 -d 31 -c", "-c -d 31 --num-threads=2", "-p --num-threads 4 -d 31",
                     "-d 1,31 -l", "-c -d 17,31 -L 20G"):
            result = self.good(self.makedumpfile("-f", *line.split(), self.core, self.dump))
            if "--message-level 1 " not in line:
                self.assertEqual(result.stdout, self.END % self.dump)
            self.assertEqual(self.tally(self.dump)[3], 0)
            self.assertEqual(stat.S_IMODE(os.stat(self.dump).st_mode), 0o600)

    def test_as_command(self):
        result = self.good(self.kdump("makedumpfile", "-d", 31, self.core, self.dump))
        self.assertEqual(result.stdout, self.END % self.dump)

    def test_codecs(self):
        for option, name in (("-c", "zlib"), ("-l", "lzo"), ("-p", "snappy"), ("-z", "zstd")):
            result = self.good(self.makedumpfile("-f", option, "-d", 31, self.core, self.dump))
            self.is_whole(self.dump, 31)
            if name in kdump_case.CODECS:
                self.assertEqual(read(self.dump)[424], CODEC_FLAGS[name])
            else:
                self.assertIn("%s: %s was not built in; using " % (option, name), result.stderr)
        if {"zlib", "lzo"} <= set(kdump_case.CODECS):
            self.good(self.makedumpfile("-f", "-l", "-c", self.core, self.dump))
            self.assertEqual(read(self.dump)[424], 1)

    def test_defaults(self):
        self.good(self.makedumpfile(self.core, self.dump))
        self.assertEqual(read(self.dump)[424], 0)
        self.is_whole(self.dump, 0)

    def test_levels(self):
        for level in (1, 2, 4, 8, 16, 31):
            self.good(self.makedumpfile("-f", "-d", level, self.core, self.dump))
            self.is_whole(self.dump, level)
        os.unlink(self.dump)
        for bad in ("32", "x", "-1", "1,40"):
            self.refused(self.makedumpfile("-d", bad, self.core, self.dump), "-d %s" % bad,
                         "levels are numbers from 0 to 31")

    def test_elf(self):
        self.good(self.makedumpfile("-E", "-d", 31, self.core, self.dump))
        self.assertTrue(read(self.dump).startswith(b"\x7fELF"))
        os.unlink(self.dump)
        for option in ("-c", "-l", "-p", "-z"):
            self.refused(self.makedumpfile("-E", option, self.core, self.dump), "-E: the ELF format has no compression")

    def test_overwriting(self):
        self.file("dump", b"old")
        result = self.makedumpfile("-d", 31, self.core, self.dump)
        self.fails(result, "dump: exists; -f replaces it")
        self.assertEqual(read(self.dump), b"old")
        self.good(self.makedumpfile("-f", "-d", 31, self.core, self.dump))
        self.is_whole(self.dump, 31)
        self.fails(self.makedumpfile("-f", self.core, self.tmp), "is a directory")

    def test_stream(self):
        result = self.good(self.makedumpfile("-F", "-d", 31, self.core, text=False))
        self.assertTrue(result.stdout.startswith(b"makedumpfile\0") and result.stdout.endswith(b"\xff" * 16))
        self.assertIn(self.END % "STDOUT", result.stderr.decode())
        self.good(self.makedumpfile("-F", "-d", 31, self.core, self.dump))
        self.assertEqual(read(self.dump), result.stdout)
        result = self.good(self.makedumpfile("-F", "-E", "-d", 31, self.core, text=False))
        self.assertTrue(result.stdout.startswith(b"makedumpfile\0"))
        result = self.good(self.makedumpfile("-d", 31, self.core, "-", text=False))
        self.assertTrue(result.stdout.startswith(b"makedumpfile\0") and result.stdout.endswith(b"\xff" * 16))

    def test_size_limit(self):
        result = self.makedumpfile("-L", "1M", self.core, self.dump)
        self.fails(result, "dump: is not complete; it opens")
        self.assertEqual(result.stdout, "\nmakedumpfile Failed.\n")
        self.assertLessEqual(os.path.getsize(self.dump), 1 << 20)
        self.assertGreater(self.tally(self.dump, status=3)[1], 100)
        self.assertEqual(sorted(os.listdir(self.tmp)), ["bin", "core", "dump"])
        if kdump_case.CODECS:
            codec = {"zlib": "-c", "zstd": "-z", "lzo": "-l", "snappy": "-p"}[kdump_case.CODECS[0]]
            self.good(self.makedumpfile("-f", codec, "-L", "4000000", "-d", "0,31", self.core, self.dump))
            self.is_whole(self.dump, 31)
        os.unlink(self.dump)
        for bad in ("0", "x", ""):
            self.refused(self.makedumpfile("-L", bad, self.core, self.dump), "-L", "it needs a size")

    def test_message_levels(self):
        loud = self.good(self.makedumpfile("-f", "--message-level", 31, "-d", 31, self.core, self.dump))
        self.assertIn("Original pages  : 0x%016x\n" % made_core.NR_PAGES, loud.stdout)
        self.assertTrue(loud.stdout.endswith(self.END % self.dump))
        for level, out, errors in ((0, False, False), (1, False, False), (2, True, False), (4, False, True),
                                   (6, True, True)):
            result = self.good(self.makedumpfile("-f", "--message-level", level, "-d", 31, self.core, self.dump))
            self.assertEqual(result.stdout, self.END % self.dump if out else "")
            failed = self.makedumpfile("--message-level", level, "-d", 31, self.core, self.dump)
            self.assertEqual(failed.returncode, 1)
            self.assertEqual("exists" in failed.stderr, errors)
            self.assertEqual(failed.stdout, "\nmakedumpfile Failed.\n" if out else "")
        quiet = self.good(self.makedumpfile("-f", "--message-level", 0, "-d", 31, self.core, self.dump))
        self.assertEqual((quiet.stdout, quiet.stderr), ("", ""))
        os.unlink(self.dump)
        for bad in ("32", "x", "-1"):
            self.refused(self.makedumpfile("--message-level", bad, self.core, self.dump), "a number from 0 to 31")

    def test_debug(self):
        self.assertGreater(len(self.good(self.makedumpfile("-D", self.core, self.dump)).stderr),
                           len(self.good(self.makedumpfile("-f", self.core, self.dump)).stderr))

    def stats(self, *arguments):
        out = self.good(self.makedumpfile("-f", "--show-stats", *arguments, self.core, self.dump)).stdout
        lines = re.findall(r"^([A-Za-z -]+?) *: (0x[0-9a-f]+|\d+)$", out, re.M)
        return {name.strip(): int(value, 0) for name, value in lines}

    def test_statistics(self):
        told = self.stats("-d", 31)
        self.assertEqual(told["Original pages"], made_core.NR_PAGES)
        self.assertEqual(told["Total pages"], made_core.NR_PAGES)
        self.assertEqual(told["Memory Hole"], 0)
        self.assertEqual(told["Non-private cache pages"], NR["cache"])
        self.assertEqual(told["Private cache pages"], NR["cache_private"])
        self.assertEqual(told["User process data pages"], NR["user"])
        self.assertEqual(told["Free pages"], NR["free"])
        self.assertEqual((told["Hwpoison pages"], told["Offline pages"]), (1, 1))
        self.assertGreaterEqual(told["Pages filled with zero"], 256)
        self.assertEqual(told["Excluded pages"] + told["Remaining pages"], made_core.NR_PAGES)
        self.assertEqual(told["Remaining pages"], left(31) - told["Pages filled with zero"])
        self.assertEqual(told["Write bytes"], os.path.getsize(self.dump))
        told = self.stats("-d", 2)
        self.assertEqual((told["Free pages"], told["Pages filled with zero"]), (0, 0))
        self.assertEqual(told["Remaining pages"], left(2))

    def test_dry_run(self):
        for target in ([self.dump], []):
            result = self.good(self.makedumpfile("--dry-run", "--show-stats", "-d", 31, self.core, *target))
            self.assertIn("No dumpfile is saved", result.stdout)
            self.assertNotIn("is saved to", result.stdout)
            self.assertEqual(sorted(os.listdir(self.tmp)), ["bin", "core"])
            self.assertIn("Remaining pages", result.stdout)

    def test_same_with_any_threads_and_reading(self):
        self.good(self.makedumpfile("-d", 31, self.core, self.dump))
        first = read(self.dump)
        for more in (("--num-threads", 0), ("--num-threads", 3), ("--non-mmap",), ("--cyclic-buffer", 1024), ("-b", 8),
                     ("--work-dir", "/nonexistent")):
            self.good(self.makedumpfile("-f", *more, "-d", 31, self.core, self.dump))
            self.assertEqual(read(self.dump), first)

    def test_what_changes_nothing_is_told(self):
        for option in (["-b", 4], ["--work-dir", self.tmp], ["-e"]):
            result = self.good(self.makedumpfile("-f", *option, "-d", 31, self.core, self.dump))
            self.assertIn("%s changes nothing: " % option[0], result.stdout)
        result = self.good(self.makedumpfile("-F", "-b", 4, self.core, text=False))
        self.assertIn(b"-b changes nothing", result.stderr)
        log = self.path("log")
        result = self.good(self.makedumpfile("--dump-dmesg", "-c", "-d", 31, self.core, log))
        self.assertIn("-c changes nothing: it has no meaning for --dump-dmesg", result.stdout)
        self.assertIn("-d changes nothing", result.stdout)

    def test_bad_values(self):
        for option, value in (("--num-threads", "x"), ("--num-threads", "1025"), ("--cyclic-buffer", "0"),
                              ("--cyclic-buffer", "x"), ("-b", "31"), ("-b", "x"), ("--vtop", "xyz"), ("--vtop", "")):
            self.refused(self.makedumpfile(option, value, self.core, self.dump), "%s %s: it needs" % (option, value))

    def test_what_is_refused(self):
        for arguments in (["-x", "vmlinux"], ["-i", "info"], ["-g", "info"], ["-X"], ["--xen-syms", "x"],
                          ["--xen-vmcoreinfo", "x"], ["--xen_phys_start", "0"], ["--config", "x"], ["--eppic", "x"],
                          ["--extension", "x"], ["--diskset=x"]):
            name = arguments[0].split("=")[0]
            self.refused(self.makedumpfile(*arguments, self.core, self.dump), "%s: " % name)
            result = self.makedumpfile("--check-params", *arguments, self.core, self.dump)
            self.fails(result, "%s: " % name)
            self.assertEqual(result.stdout, "")

    def test_bad_command_lines(self):
        self.refused(self.makedumpfile(), "needed are VMCORE and the file to write", "makedumpfile --help")
        self.refused(self.makedumpfile("-d", 31, self.core), "the file to write is missing behind %s" % self.core)
        self.refused(self.makedumpfile(self.core, self.dump, "more"), "needed are VMCORE and the file to write")
        self.refused(self.makedumpfile("-q", self.core, self.dump), "-q: there is no such option")
        self.refused(self.makedumpfile("--frob", self.core, self.dump), "--frob: there is no such option")
        self.refused(self.makedumpfile("--split=3", self.core, self.dump), "takes no value")
        self.refused(self.makedumpfile(self.core, self.dump, "-d"), "-d needs a value")
        self.refused(self.makedumpfile("-R", "--reassemble", "a", "b", "c"), "cannot be had at once")
        self.refused(self.makedumpfile("-R", "a", "b"), "-R needs the file to write")
        self.refused(self.makedumpfile("--reassemble", "a", "b"), "--reassemble needs two parts")
        self.refused(self.makedumpfile("--split", self.core, self.dump), "--split needs VMCORE and at least two files")
        for option in ("-E", "-F"):
            self.refused(self.makedumpfile("--split", option, self.core, self.dump, "b"),
                         "--split makes kdump-compressed files")
        self.refused(self.makedumpfile("--split", self.core, self.dump, self.dump), "is named twice")
        self.refused(self.makedumpfile("--splitblock-size", "4", self.core, self.dump), "goes with --split")
        self.refused(self.makedumpfile("--partial-dmesg", self.core, self.dump), "goes with --dump-dmesg")
        self.refused(self.makedumpfile("--dump-dmesg", self.core), "--dump-dmesg needs")
        self.refused(self.makedumpfile("--mem-usage", self.core, self.dump), "--mem-usage needs one file")
        self.refused(self.makedumpfile(self.path("none"), self.dump), "cannot open it")
        self.refused(self.makedumpfile(self.file("text", b"x" * 9999), self.dump), "no dump of a format known here")

    def test_check_params(self):
        for line in ("-l -d 31 vmcore dumpfile", "-F -c --message-level 7 -d 1,31 vmcore",
                     "--num-threads 3 -d 31 vmcore dumpfile", "--split -d 31 vmcore a b", "-E -d 31 vmcore dumpfile"):
            words, codecs = line.split(), kdump_case.CODECS
            if "-l" in words and "lzo" not in codecs or "-c" in words and "zlib" not in codecs:
                continue
            result = self.good(self.makedumpfile("--check-params", *line.split()))
            self.assertEqual((result.stdout, result.stderr), ("", ""))
        for line in ("-d 32 vmcore dumpfile", "-E -c vmcore dumpfile", "-d 31 vmcore", "--frob vmcore dumpfile"):
            result = self.makedumpfile("--check-params", *line.split())
            self.fails(result, "makedumpfile: ")
            self.assertEqual(result.stdout, "")
        for option, name in (("-l", "lzo"), ("-p", "snappy"), ("-z", "zstd"), ("-c", "zlib")):
            result = self.makedumpfile("--check-params", option, "vmcore", "dumpfile")
            if name in kdump_case.CODECS:
                self.good(result)
            else:
                self.fails(result, "%s: %s was not built in" % (option, name))

    def test_log(self):
        log = self.path("log")
        result = self.good(self.makedumpfile("--dump-dmesg", self.core, log))
        self.assertEqual(result.stdout, "\nThe dmesg log is saved to %s.\n\nmakedumpfile Completed.\n" % log)
        self.assertEqual(read(log).decode(), made_core.log_text())
        self.assertEqual(stat.S_IMODE(os.stat(log).st_mode), 0o600)
        self.fails(self.makedumpfile("--dump-dmesg", self.core, log), "log: exists; -f replaces it")
        self.good(self.makedumpfile("-f", "--dump-dmesg", "--non-mmap", self.core, log))
        self.assertEqual(sorted(os.listdir(self.tmp)), ["bin", "core", "log"])

    def test_log_since_it_was_cleared(self):
        log = self.path("log")
        self.good(self.makedumpfile("--dump-dmesg", "--partial-dmesg", self.core, log))
        self.assertEqual(read(log).decode(), made_core.log_text(made_core.CLEAR_SEQ))
        info = made_core.VMCOREINFO.replace("SYMBOL(clear_seq)", "SYMBOL(other)")
        core = self.file("other", made_core.core_bytes(vmcoreinfo=info))
        self.fails(self.makedumpfile("--dump-dmesg", "--partial-dmesg", core, self.path("log2")),
                   "does not tell when its log was")
        self.assertFalse(os.path.exists(self.path("log2")))
        # Linux 5.10: a plain number.
        symbol = "SYMBOL(clear_seq)=%x"
        info = made_core.VMCOREINFO.replace("latched_seq.val)=8", "x)=8").replace(
            symbol % (made_core.DIRECT + made_core.CLEAR), symbol % (made_core.DIRECT + made_core.CLEAR + 8))
        plain = self.file("plain", made_core.core_bytes(vmcoreinfo=info))
        self.good(self.makedumpfile("-f", "--dump-dmesg", "--partial-dmesg", plain, log))
        self.assertEqual(read(log).decode(), made_core.log_text(made_core.CLEAR_SEQ))

    def test_log_of_limited_size(self):
        log = self.path("log")
        self.fails(self.makedumpfile("--dump-dmesg", "-L", "50", self.core, log), "the size limit is reached")
        self.assertEqual(read(log).decode(), made_core.log_text()[:50])

    def test_log_to_standard_output(self):
        for name in ("-", "/dev/stdout"):
            with open(self.path("out"), "wb") as out:
                result = subprocess.run([kdump_case.KDUMP, "makedumpfile", "--dump-dmesg", self.core, name], stdout=out,
                                        stderr=subprocess.PIPE)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(read(self.path("out")).decode(), made_core.log_text())
            self.assertIn(b"makedumpfile Completed.", result.stderr)
        self.assertTrue(os.path.islink("/dev/stdout"))

    def test_log_that_is_not_there(self):
        core = self.file("bare", made_core.core_bytes(memory=bytearray(1 << 20), vmcoreinfo=""))
        self.fails(self.makedumpfile("--dump-dmesg", core, self.path("log")), "log")
        self.assertEqual(sorted(os.listdir(self.tmp)), ["bare", "bin", "core"])

    def test_translation(self):
        vaddr = "%x" % (made_core.DIRECT + 0x123456)
        result = self.good(self.makedumpfile("--vtop", vaddr, "-d", 31, self.core, self.dump))
        self.assertIn("VIRTUAL           PHYSICAL\nffff888000123456  123456\n", result.stdout)
        self.is_whole(self.dump, 31)
        result = self.good(self.makedumpfile("-f", "--vtop", "0xffffc90000000000", "-d", 31, self.core, self.dump))
        self.assertIn("ffffc90000000000  ffffffffffffffff\n", result.stdout)
        self.assertIn("it is not mapped", result.stderr)

    def test_help_and_version(self):
        for option in ("-h", "--help"):
            out = self.good(self.makedumpfile(option)).stdout
            self.assertTrue(out.startswith("Usage:\n"), out)
            for word in ("--split", "--reassemble", "--cyclic-buffer", "snappy is "):
                self.assertIn(word, out)
        for option in ("-v", "--version"):
            out = self.good(self.makedumpfile(option)).stdout
            self.assertRegex(out, r"^makedumpfile: version \d+\.\d+\.\d+ ")
            for codec in ("lzo", "snappy", "zstd"):
                self.assertIn("%s\t%s\n" % (codec, "enabled" if codec in kdump_case.CODECS else "disabled"), out)


class Rearranging(Case):
    """Streams and split sets."""
    def stream(self, *options):
        return self.good(self.makedumpfile("-F", *options, self.core, text=False)).stdout

    def test_stream(self):
        for options, level in (("-d", 31), 31), (("-d", 2), 2), ((), 0):
            result = self.good(self.makedumpfile("-f", "-R", self.dump, stdin=self.stream(*options), text=False))
            self.assertEqual(result.stdout.decode(), Front.END % self.dump)
            self.is_whole(self.dump, level)
            self.assertEqual(stat.S_IMODE(os.stat(self.dump).st_mode), 0o600)
        self.good(self.makedumpfile("-f", "-R", self.dump, stdin=self.stream("-E", "-d", 30), text=False))
        self.assertTrue(read(self.dump).startswith(b"\x7fELF"))

    def test_stream_and_existing_file(self):
        self.file("dump", b"old")
        result = self.makedumpfile("-R", self.dump, stdin=self.stream(), text=False)
        self.assertEqual((result.returncode, read(self.dump)), (1, b"old"))
        self.assertIn(b"dump: exists; -f replaces it", result.stderr)

    def test_cut_stream(self):
        stream = self.stream("-d", 31)
        result = self.makedumpfile("-R", self.dump, stdin=stream[:len(stream) - 100], text=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"dump: is not complete, but opens: ", result.stderr)
        self.assertTrue(result.stdout.endswith(b"makedumpfile Failed.\n"))
        self.tally(self.dump, status=3)

    def test_no_stream(self):
        for what in (b"", b"x" * 10000, kdump_case.CORE_BYTES):
            result = self.makedumpfile("-R", self.dump, stdin=what, text=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn(b"makedumpfile: ", result.stderr)
            self.assertEqual(sorted(os.listdir(self.tmp)), ["bin", "core"])

    def split(self, *options):
        parts = [self.path("part%d" % number) for number in range(3)]
        result = self.good(self.makedumpfile("--split", "-d", 31, *options, self.core, *parts))
        self.assertIn("\nThe dumpfiles are saved to %s, %s, and %s.\n\nmakedumpfile Completed.\n" % tuple(parts),
                      result.stdout)
        return parts

    def test_split_set(self):
        for options in ((), ("-f", "--splitblock-size", 1024), ("-f", "--num-threads", 2)):
            parts = self.split(*options)
            for order in ((0, 1, 2), (2, 0, 1)):
                self.good(self.makedumpfile("-f", "--reassemble", *(parts[i] for i in order), self.dump))
                self.is_whole(self.dump, 31)
        self.fails(self.makedumpfile("--split", "-d", 31, self.core, *parts), "part0: exists; -f replaces it")

    def test_bad_split_sets(self):
        parts = self.split()
        self.refused(self.makedumpfile("--reassemble", *parts[1:], self.dump), "missing")
        self.refused(self.makedumpfile("--reassemble", parts[0], parts[0], parts[1], self.dump), "another part")
        self.refused(self.makedumpfile("--reassemble", *parts, self.core, self.dump), "core")
        self.fails(self.makedumpfile("--reassemble", parts[0], parts[1], parts[2]), "part2: exists; -f replaces it")


class MemoryUsage(Case):
    """--mem-usage on what looks like /proc/kcore."""
    def usage_of(self, path):
        out = self.good(self.makedumpfile("--mem-usage", path)).stdout
        lines = out.strip().splitlines()
        # As scripts read it: the first line has the names of columns.
        self.assertEqual(lines[0].split(), ["TYPE", "PAGES", "EXCLUDABLE", "DESCRIPTION"])
        table = {line.split()[0]: (int(line.split()[1]), line.split()[2]) for line in lines[2:8]}
        table.update({line.split(":")[0]: int(line.split()[-1 if "Byte" not in line else -2]) for line in lines[9:]})
        return table

    def test_table(self):
        kcore = self.file("kcore", made_core.core_bytes(kcore=True))
        for source in (kcore, self.core):
            table = self.usage_of(source)
            zero = table["ZERO"][0]
            self.assertGreaterEqual(zero, 256)
            self.assertEqual(table["NON_PRI_CACHE"], (NR["cache"], "yes"))
            self.assertEqual(table["PRI_CACHE"], (NR["cache_private"], "yes"))
            self.assertEqual(table["USER"], (NR["user"], "yes"))
            self.assertEqual(table["FREE"], (NR["free"], "yes"))
            self.assertEqual(table["KERN_DATA"], (left(31) - zero, "no"))
            self.assertEqual(table["page size"], 4096)
            self.assertEqual(table["Total pages on system"], made_core.NR_PAGES)
            self.assertEqual(table["Total size on system"], made_core.NR_PAGES * 4096)

    def test_kcore_as_source(self):
        kcore = self.file("kcore", made_core.core_bytes(kcore=True))
        self.good(self.kdump("save", "-q", kcore, self.dump))
        self.is_whole(self.dump, 31)
        self.assertEqual(self.good(self.kdump("dmesg", kcore)).stdout, made_core.log_text())

    def test_pages_that_cannot_be_told_apart(self):
        core = self.file("bare", made_core.core_bytes(vmcoreinfo="OSRELEASE=6.1.0\n"))
        self.refused(self.makedumpfile("--mem-usage", core), "its pages cannot be told apart")
        self.refused(self.makedumpfile("--mem-usage", self.path("none")), "cannot open it")


class RealCores(Case):
    def test_real_cores(self):
        for core in kdump_case.CORES:
            with self.subTest(core=core):
                self.good(self.makedumpfile("-f", "-d", 31, core, self.dump))
                self.good(self.kdump("check", self.dump))
                log = self.path("log")
                self.good(self.makedumpfile("-f", "--dump-dmesg", core, log))
                self.assertIn(b"Linux version", read(log))
                self.assertEqual(self.good(self.run_as("vmcore-dmesg", self.dump, text=False)).stdout, read(log))
                self.assertIn("FREE", self.good(self.makedumpfile("--mem-usage", core)).stdout)
                if kdump_case.JSON:
                    told = json.loads(self.good(self.kdump("info", "--json", core)).stdout)
                    self.assertGreater(told["left_at_level"]["0"], told["left_at_level"]["30"])


if __name__ == "__main__":
    sys.exit(kdump_case.main())
