#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command and option of kdump on a made-up core: kdump-cli.py KDUMP
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
from kdump_case import CODEC_FLAGS, GONE, NR, Case, left, read  # noqa: E402


class Main(Case):
    def test_help(self):
        out = self.good(self.kdump("--help")).stdout
        for word in ("save", "dmesg", "info", "check", "makedumpfile", "/proc/vmcore"):
            self.assertIn(word, out)
        self.assertEqual(out, self.good(self.kdump("-h")).stdout)
        self.assertEqual(out, self.good(self.kdump("help")).stdout)

    def test_help_of_commands(self):
        for command, word in (("save", "--deadline"), ("info", "--map"), ("check", "--json"), ("dmesg", "log")):
            out = self.good(self.kdump(command, "--help")).stdout
            self.assertTrue(out.startswith("Usage: kdump %s " % command), out)
            self.assertIn(word, out)
        self.assertIn("--cyclic-buffer", self.good(self.kdump("makedumpfile", "--help")).stdout)

    def test_version(self):
        for argument in ("--version", "-V"):
            out = self.good(self.kdump(argument)).stdout
            self.assertRegex(out, r"^kdump \(parachute\) \d")
            for codec in CODEC_FLAGS:
                self.assertRegex(out, r"[+-]%s\b" % codec)

    def test_bad_commands(self):
        self.usage(self.kdump(), "--help")
        self.usage(self.kdump("frobnicate"), "frobnicate: no such command")
        self.usage(self.kdump("--frobnicate"), "no such command")

    def test_full_output(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            result = subprocess.run([kdump_case.KDUMP, "--help"], stdout=full, stderr=subprocess.PIPE,
                                    universal_newlines=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn("standard output", result.stderr)


class Dmesg(Case):
    def test_log(self):
        self.assertEqual(self.good(self.kdump("dmesg", self.core)).stdout, made_core.log_text())
        self.assertEqual(self.good(self.run_as("vmcore-dmesg", self.core)).stdout, made_core.log_text())

    def test_of_a_dump(self):
        self.good(self.kdump("save", "-q", self.core, self.dump))
        self.assertEqual(self.good(self.run_as("vmcore-dmesg", self.dump)).stdout, made_core.log_text())

    def test_name(self):
        self.assertIn("Usage: vmcore-dmesg SOURCE", self.good(self.run_as("vmcore-dmesg", "--help")).stdout)
        self.assertIn("vmcore-dmesg (parachute)", self.good(self.run_as("vmcore-dmesg", "--version")).stdout)
        self.fails(self.run_as("vmcore-dmesg", self.path("none")), "vmcore-dmesg: ", "none: cannot open it")

    def test_bad(self):
        self.usage(self.run_as("vmcore-dmesg"), "needed is one argument", "vmcore-dmesg --help")
        self.usage(self.kdump("dmesg", self.core, self.core), "needed is one argument", "kdump dmesg --help")
        self.usage(self.kdump("dmesg", "--all", self.core), "needed is one argument")
        nothing = self.file("bare", made_core.core_bytes(memory=bytearray(1 << 20), vmcoreinfo=""))
        self.fails(self.kdump("dmesg", nothing), "no kernel log can be found")


class Info(Case):
    def test_text(self):
        out = self.good(self.kdump("info", self.core)).stdout
        for text in ("(ELF)", "x86_64", "6.1.0-test", "2023-11-14 22:13:20 UTC", "16 MiB"):
            self.assertIn(text, out)
        self.assertRegex(out, r"\n31? +2048 |\n30 +%d " % left(30))

    def test_json(self):
        result = self.kdump("info", "--json", self.core)
        if not kdump_case.JSON:
            return self.fails(result, "json-c was not built in")
        told = json.loads(self.good(result).stdout)
        self.assertEqual(told["source"], self.core)
        self.assertEqual((told["format"], told["incomplete"], told["level"]), ("ELF", False, 0))
        kernel = told["kernel"]
        self.assertEqual((kernel["release"], kernel["version"], kernel["machine"], kernel["node"]),
                         ("6.1.0-test", "#1 SMP", "x86_64", "made-up"))
        self.assertEqual(kernel["build_id"], "0123456789abcdef0123456789abcdef01234567")
        self.assertEqual((kernel["phys_base"], kernel["offset"]), ("0x0", "0x0"))
        self.assertEqual((told["cpus"], told["crash_time"], told["page_bytes"]), (1, 1700000000, 4096))
        self.assertEqual((told["memory_bytes"], told["max_pfn"]), ("0x1000000", "0x1000"))
        self.assertEqual((told["classified"], told["doubtful"]), (True, 0))
        self.assertEqual({kind: number for kind, number in told["pages"].items() if number}, NR)
        self.assertEqual(told["left_at_level"], {str(level): left(level) for level in range(0, 32, 2)})
        # The option may stand anywhere.
        self.assertEqual(json.loads(self.good(self.kdump("info", self.core, "--json")).stdout), told)
        return None

    def test_json_of_strange_names(self):
        strange = os.path.join(self.tmp.encode(), b'a "\xff\n\xc3\xa4')
        os.link(self.core, strange)
        result = subprocess.run([kdump_case.KDUMP, "info", "--json", strange], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)
        self.assertEqual(result.returncode, 0 if kdump_case.JSON else 1)
        if kdump_case.JSON:
            self.assertTrue(json.loads(result.stdout.decode())["source"].endswith('/a "\ufffd\n\u00e4'))

    def test_json_of_a_dump(self):
        self.good(self.kdump("save", "-q", "-d", 17, self.core, self.dump))
        if kdump_case.JSON:
            told = json.loads(self.good(self.kdump("info", "--json", self.dump)).stdout)
            self.assertEqual((told["format"], told["level"]), ("kdump-compressed", 17))
            self.assertEqual(told["pages"]["not_in_source"], NR["free"] + GONE)

    def test_map(self):
        lines = self.good(self.kdump("info", "--map", self.core)).stdout.splitlines()
        found = {}
        for line in lines:
            pages, kind = line.split(" ", 1)
            first, last = (int(word, 0) for word in pages.split("-"))
            key = kind.replace(",", "").replace(" ", "_")
            found[key] = found.get(key, 0) + last - first + 1
        self.assertEqual(found, NR)

    def test_bad(self):
        self.usage(self.kdump("info"), "needed is one argument")
        self.usage(self.kdump("info", self.core, self.core), "needed is one argument")
        self.usage(self.kdump("info", "--json", "--map", self.core), "at once")
        self.usage(self.kdump("info", "--frob", self.core), "--frob: there is no such option", "kdump info --help")
        self.usage(self.kdump("info", "--map=3", self.core), "--map=3: that option takes no value")
        self.fails(self.kdump("info", self.path("none")), "none: cannot open it: No such file")
        self.fails(self.kdump("info", self.file("text", b"hello\n" * 100)), "no dump of a format known here")
        self.fails(self.kdump("info", self.tmp), "it is a directory")
        self.fails(self.kdump("info", "/dev/null"), "no file that can be read at any offset")


class Check(Case):
    def test_good(self):
        self.good(self.kdump("save", "-q", "-d", 31, self.core, self.dump))
        out = self.good(self.kdump("check", self.dump)).stdout
        self.assertIn("complete, level 31", out)
        self.is_whole(self.dump, 31)
        result = self.kdump("check", "--json", self.dump)
        if not kdump_case.JSON:
            return self.fails(result, "json-c was not built in")
        told = json.loads(self.good(result).stdout)
        zero = made_core.ZERO[1] - made_core.ZERO[0] + 1
        wanted = {"dump": self.dump, "format": "kdump-compressed", "incomplete": False, "level": 31, "ram": 4096,
                  "absent": 4096 - left(31), "good": left(31), "bad": 0}
        self.assertEqual({key: told[key] for key in wanted}, wanted)
        self.assertGreaterEqual(told["zero"], zero)
        self.assertTrue(told["vmcoreinfo"])
        return None

    def test_damaged(self):
        self.good(self.kdump("save", "-q", "--codec", "none", self.core, self.dump))
        size = os.path.getsize(self.dump)
        os.truncate(self.dump, size - 10 * 4096)
        result = self.kdump("check", self.dump)
        self.assertIn(result.returncode, (1, 3), result.stderr)
        self.assertNotIn(" 0 cannot be read", result.stdout)

    def test_bad(self):
        self.usage(self.kdump("check"), "needed is one argument")
        self.usage(self.kdump("check", "-x", self.core), "-x: there is no such option")
        self.fails(self.kdump("check", self.path("none")), "cannot open it")


class Save(Case):
    def save(self, *arguments, target=None, **more):
        return self.kdump("save", *arguments, self.core, self.dump if target is None else target, **more)

    def test_file(self):
        result = self.good(self.save())
        self.assertIn("About ", result.stderr)
        self.assertIn("level 31", result.stdout)
        self.assertEqual(stat.S_IMODE(os.stat(self.dump).st_mode), 0o600)
        self.assertEqual(sorted(os.listdir(self.tmp)), ["bin", "core", "dump"])
        self.is_whole(self.dump, 31)

    def test_overwriting(self):
        self.file("dump", b"old")
        self.fails(self.save(), "dump: exists; --force replaces it")
        self.assertEqual(read(self.dump), b"old")
        self.good(self.save("--force"))
        self.is_whole(self.dump, 31)
        self.good(self.save("-f", "-d", "0"))
        self.is_whole(self.dump, 0)

    def test_directory(self):
        target = self.path("target")
        os.mkdir(target)
        self.good(self.save("-q", target=target))
        self.assertEqual(sorted(os.listdir(target)), ["README.txt", "dmesg.txt", "vmcore"])
        self.is_whole(os.path.join(target, "vmcore"), 31)
        self.assertEqual(read(os.path.join(target, "dmesg.txt")).decode(), made_core.log_text())
        self.assertIn(b"The dump is complete.", read(os.path.join(target, "README.txt")))
        # What belongs to that dump stays.
        log = os.path.join(target, "dmesg.txt")
        os.unlink(log)
        readme = read(os.path.join(target, "README.txt"))
        self.fails(self.save("-q", target=target), "vmcore: exists")
        self.assertEqual(sorted(os.listdir(target)), ["README.txt", "vmcore"])
        self.assertEqual(read(os.path.join(target, "README.txt")), readme)

    def test_levels(self):
        for level in (0, 1, 2, 4, 8, 16, 30, 31):
            self.good(self.save("-q", "-f", "-d", level))
            self.is_whole(self.dump, level)
            self.assertIn("level %d" % level, self.kdump("check", self.dump).stdout)
        self.good(self.save("-q", "-f", "--level=8"))
        self.is_whole(self.dump, 8)

    def test_level_list(self):
        """The first that fits: the made-up core has 2 MiB of noise among 10 MiB that compress well."""
        if not kdump_case.CODECS:
            return
        result = self.good(self.save("-d", "0,31", "--max-size", "3M"))
        self.assertIn("at level 31", result.stderr)
        self.is_whole(self.dump, 31)
        self.good(self.save("-f", "-d", "16,31", "--max-size", "1G"))
        self.is_whole(self.dump, 16)

    def test_bad_levels(self):
        for level in ("32", "-1", "x", "1,,2", "1,x", "31 ", "", ",", "99999999999999999999"):
            self.usage(self.save("-d", level), "-d ", "level")
        self.usage(self.save("-d", ",".join(["1"] * 33)), "at most 32 levels")
        self.good(self.save("-q", "-d", ",".join(["1"] * 32)))

    def test_codecs(self):
        for letter, name in (("-c", "zlib"), ("-l", "lzo"), ("-z", "zstd"), ("-p", "snappy")):
            for options in ([letter], ["--codec", name]):
                result = self.save("-q", "-f", *options)
                if name in kdump_case.CODECS:
                    self.good(result)
                    self.assertEqual(read(self.dump)[424], CODEC_FLAGS[name])
                    self.is_whole(self.dump, 31)
                else:
                    self.usage(result, "%s was not built in" % name)
        self.good(self.save("-q", "-f", "--codec", "none"))
        self.assertEqual(read(self.dump)[424], 0)
        self.is_whole(self.dump, 31)

    def test_default_codec(self):
        self.good(self.save("-q"))
        best = [name for name in ("zstd", "zlib", "lzo", "snappy") if name in kdump_case.CODECS]
        self.assertEqual(read(self.dump)[424], CODEC_FLAGS[best[0]] if best else 0)

    def test_codec_levels(self):
        for codec in ("zstd:1", "zstd:-5", "zstd:19", "zlib:1", "zlib:9"):
            if codec.split(":", 1)[0] in kdump_case.CODECS:
                self.good(self.save("-q", "-f", "--codec", codec))
                self.is_whole(self.dump, 31)
        self.usage(self.save("--codec", "none:1"), "none has no levels")
        if "zlib" in kdump_case.CODECS:
            for bad in ("zlib:", "zlib:x", "zlib:1x", "zlib:9999999", "zlib:--1"):
                self.usage(self.save("--codec", bad), "level")

    def test_bad_codecs(self):
        for codec in ("gzip", "", ":1", "z" * 100):
            self.usage(self.save("--codec", codec), "no such codec")

    def test_elf(self):
        for option in ("-E", "--elf"):
            self.good(self.save("-q", "-f", option, "-d", 30))
            self.assertTrue(read(self.dump).startswith(b"\x7fELF"))
            self.assertEqual(self.tally(self.dump)[1], left(30))
        if "zlib" in kdump_case.CODECS:
            self.usage(self.save("-E", "-c"), "ELF", "no compression")
        self.usage(self.save("-E", "--codec", "none"), "ELF", "no compression")

    def test_streams(self):
        result = self.good(self.kdump("save", "-q", self.core, "-", text=False))
        self.assertTrue(result.stdout.startswith(b"makedumpfile\0"))
        self.good(self.save("-q", "-F"))
        self.assertEqual(read(self.dump), result.stdout)
        self.good(self.save("-q", "-f", "--flattened"))
        self.assertEqual(read(self.dump), result.stdout)

    def test_stdout_by_its_name(self):
        with open(self.dump, "wb") as out:
            result = subprocess.run([kdump_case.KDUMP, "save", self.core, "/dev/stdout"], stdout=out,
                                    stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(os.path.islink("/dev/stdout"))
        data = read(self.dump)
        self.assertTrue(data.startswith(b"makedumpfile\0") and data.endswith(b"\xff" * 16))
        self.assertIn(b"level 31", result.stderr)

    def test_links(self):
        link = self.path("link")
        os.symlink("dump", link)
        self.fails(self.save("-q", target=link), "link: is a link that leads nowhere")
        self.file("dump", b"old")
        self.fails(self.save("-q", target=link), "exists")
        self.good(self.save("-q", "--force", target=link))
        self.assertTrue(os.path.islink(link))
        self.is_whole(self.dump, 31)

    def test_workers(self):
        self.good(self.save("-q", "--workers", 0))
        first = read(self.dump)
        for workers in (1, 3, 16):
            self.good(self.save("-q", "-f", "--workers", workers))
            self.assertEqual(read(self.dump), first)
        for bad in ("-1", "x", "1025", "", "2x"):
            self.usage(self.save("--workers", bad), "--workers", "a number from 0 to 1024")

    def test_max_size(self):
        result = self.good(self.save("--codec", "none", "-d", 0, "--max-size", "1M"), status=3)
        self.assertIn("the least important pages may be left out", result.stderr)
        self.assertIn("not complete", result.stderr)
        self.assertFalse(os.path.exists(self.dump))
        incomplete = self.dump + "-incomplete"
        self.assertLessEqual(os.path.getsize(incomplete), 1 << 20)
        ram, good, _, bad = self.tally(incomplete, status=3)
        self.assertEqual(good + bad, left(0))
        self.assertGreater(good, 100)
        self.assertEqual(ram, made_core.NR_PAGES)
        # The log is among the most important.
        self.assertEqual(self.kdump("dmesg", incomplete).stdout, made_core.log_text())
        self.good(self.save("-q", "--codec", "none", "-d", 0, "--max-size", "1M"), status=3)
        self.assertTrue(os.path.exists(incomplete + "-2"))
        for good_size in ("100M", "1G", "1T", "100000000", "100m"):
            self.good(self.save("-q", "-f", "--max-size", good_size))
        for bad_size in ("0", "x", "1X", "-1", "", "1MM", "99999999999999999999", "99999999999T"):
            self.usage(self.save("--max-size", bad_size), "--max-size", "it needs a size")

    def test_deadline(self):
        self.good(self.save("-q", "--deadline", 1000))
        for bad in ("0", "x", "-1", "", "1s"):
            self.usage(self.save("--deadline", bad), "--deadline", "a number from 1")

    def test_memory_limit(self):
        self.good(self.save("-q", "--memory-limit", "8M"))
        first = read(self.dump)
        self.good(self.save("-q", "-f", "--memory-limit", "1G"))
        self.assertEqual(read(self.dump), first)
        for bad in ("0", "x", ""):
            self.usage(self.save("--memory-limit", bad), "--memory-limit", "it needs a size")

    def test_no_mmap(self):
        self.good(self.save("-q"))
        first = read(self.dump)
        self.good(self.save("-q", "-f", "--no-mmap"))
        self.assertEqual(read(self.dump), first)

    def test_dry_run(self):
        for arguments in ((), (self.dump,), (self.tmp,)):
            result = self.good(self.kdump("save", "--dry-run", self.core, *arguments))
            self.assertIn("a dry run", result.stdout)
            self.assertEqual(sorted(os.listdir(self.tmp)), ["bin", "core"])
        self.good(self.kdump("save", "--dry-run", "-E", self.core))

    def test_quiet_and_debug(self):
        for option in ("-q", "--quiet"):
            result = self.good(self.save("-f", option))
            self.assertEqual((result.stdout, result.stderr), ("", ""))
        for option in ("-D", "--debug"):
            self.assertNotEqual(self.good(self.save("-q", "-f", option)).stderr, "")

    def test_dumps_are_filtered_again(self):
        self.good(self.save("-q", "-d", 0))
        again = self.path("again")
        self.good(self.kdump("save", "-q", "-d", 31, self.dump, again))
        self.is_whole(again, 31)

    def test_bad(self):
        self.usage(self.kdump("save"), "two arguments", "kdump save --help")
        self.usage(self.kdump("save", self.core), "two arguments")
        self.usage(self.kdump("save", self.core, "a", "b"), "")
        self.usage(self.save("-y"), "-y: there is no such option")
        self.usage(self.save("-fy"), "-y: there is no such option")
        self.usage(self.save("--frob"), "--frob: there is no such option")
        self.usage(self.save("--elf=3"), "--elf=3: that option takes no value")
        self.usage(self.kdump("save", "a", "b", "-d"), "-d needs a value")
        self.usage(self.kdump("save", "a", "b", "--deadline"), "--deadline needs a value")
        self.fails(self.kdump("save", "-q", self.path("none"), self.dump), "none: cannot open it")
        text = self.file("text", b"x" * 5000)
        self.fails(self.kdump("save", "-q", text, self.dump), "no dump of a format known here")
        self.fails(self.save("-q", target=self.path("none/dump")), "No such file or directory")
        self.fails(self.save("-q", target=""), "the name of the file to write is empty")
        self.fails(self.save("-q", target="/dev/full"), "full")
        self.assertFalse(os.path.exists(self.dump))


class Reassemble(Case):
    def test_streams(self):
        stream = self.path("stream")
        self.good(self.kdump("save", "-q", "-F", self.core, stream))
        result = self.good(self.kdump("reassemble", stream, self.dump))
        self.assertIn("the dump is complete", result.stdout)
        self.is_whole(self.dump, 31)
        self.fails(self.kdump("reassemble", stream, self.dump), "dump: exists; --force replaces it")
        self.good(self.kdump("reassemble", "-f", "-q", "-", self.dump, stdin=read(stream), text=False))
        self.is_whole(self.dump, 31)
        self.is_whole(stream, 31)
        self.good(self.kdump("dmesg", stream))

    def test_parts(self):
        parts = [self.path("a"), self.path("b")]
        self.good(self.kdump("save", "-q", "--split", self.core, *parts))
        self.good(self.kdump("reassemble", "-q", *parts, self.dump))
        self.is_whole(self.dump, 31)
        self.fails(self.kdump("reassemble", parts[0], self.path("half")), "missing")
        self.good(self.kdump("reassemble", "--partial", parts[0], self.path("half")), status=3)
        self.assertGreater(self.tally(self.path("half-incomplete"), status=3)[1], 100)
        self.fails(self.kdump("save", "-q", "--split", self.core, self.path("new"), parts[1]), "b: exists")
        self.assertFalse(os.path.exists(self.path("new")))

    def test_bad(self):
        self.usage(self.kdump("reassemble"), "reassemble needs")
        self.usage(self.kdump("reassemble", self.core), "reassemble needs")
        self.usage(self.kdump("reassemble", "-x", self.core, self.dump), "-x: there is no such option")
        self.fails(self.kdump("reassemble", self.path("none"), self.dump), "none")
        self.fails(self.kdump("reassemble", self.core, self.dump), "core")
        self.usage(self.kdump("save", "--split", self.core, self.dump), "two or more files")
        self.usage(self.kdump("save", "--split", self.core, self.dump, self.dump), "is named twice")
        self.usage(self.kdump("save", "--split", "-E", self.core, "a", "b"), "leave out -E and -F")
        self.fails(self.kdump("save", "--split", self.core, self.dump, "-"), "a split set needs the names of its files")
        self.assertEqual(sorted(os.listdir(self.tmp)), ["bin", "core"])


if __name__ == "__main__":
    sys.exit(kdump_case.main())
