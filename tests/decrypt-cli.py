#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Encrypted dumps and logs, kdump decrypt and its keys: decrypt-cli.py KDUMP
"""
import os
import re
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kdump_case  # noqa: E402
import made_core  # noqa: E402
from kdump_case import Case, read  # noqa: E402

HEADER, CHUNK = 152, 65536 + 17


def has_sodium():
    result = subprocess.run([kdump_case.KDUMP, "decrypt", "--key", "/dev/null", "/dev/null", "-"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    return "built without libsodium" not in result.stderr


class Decrypt(Case):
    def setUp(self):
        super().setUp()
        if not has_sodium():
            self.fails(self.kdump("decrypt", "--new-key", self.path("key")), "built without libsodium")
            self.skipTest("no libsodium")
        self.key = self.path("key")
        self.line = self.good(self.kdump("decrypt", "-q", "--new-key", self.key)).stdout
        self.conf = self.file("conf", self.line.encode())
        self.folder = self.path("dumps")
        os.mkdir(self.folder)
        self.good(self.kdump("save", "-q", "--conf", self.conf, self.core, self.folder))
        self.encrypted = os.path.join(self.folder, "vmcore.flat.enc")

    def decrypt(self, *arguments, **more):
        return self.kdump("decrypt", "--key", self.key, *arguments, **more)

    def changed(self, change):
        content = bytearray(read(self.encrypted))
        return self.file("changed.flat.enc", bytes(change(content) or content))

    def test_keys(self):
        self.assertRegex(self.line, r"^encrypt [A-Za-z0-9+/]{43}=\n$")
        self.assertEqual(stat.S_IMODE(os.stat(self.key).st_mode), 0o600)
        self.assertIn("public " + self.line.split()[1], read(self.key).decode())
        self.fails(self.kdump("decrypt", "--new-key", self.key), "exists; a key is never replaced")
        self.fails(self.kdump("decrypt", "--new-key", self.path("no/key")), "cannot create")
        os.chmod(self.key, 0o604)
        self.fails(self.decrypt(self.encrypted), "mode 0604", "chmod 600")

    def test_files(self):
        self.assertEqual(sorted(os.listdir(self.folder)), ["README.txt", "dmesg.txt.enc", "vmcore.flat.enc"])
        for name in os.listdir(self.folder):
            path = os.path.join(self.folder, name)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            content = read(path)
            for text in (b"Kernel panic", b"KDUMP   ", b"makedumpfile", made_core.LINES[2].encode()):
                self.assertNotIn(text, content, name)

    def test_dump(self):
        self.good(self.decrypt(self.encrypted))
        self.good(self.kdump("save", "-q", "--workers", "0", self.core, self.dump))
        self.assertEqual(self.tally(os.path.join(self.folder, "vmcore")), self.tally(self.dump))
        log = self.good(self.kdump("dmesg", os.path.join(self.folder, "vmcore"))).stdout
        self.assertEqual(log, made_core.log_text())
        self.fails(self.decrypt(self.encrypted), "vmcore: exists; --force replaces it")
        self.good(self.decrypt("--force", self.encrypted))
        out = self.good(self.decrypt(self.encrypted, self.path("elsewhere"))).stdout
        self.assertEqual(out, "%s: decrypted, all of it\n" % self.path("elsewhere"))
        self.is_whole(self.path("elsewhere"), 31)

    def test_log(self):
        self.good(self.decrypt("-q", os.path.join(self.folder, "dmesg.txt.enc")))
        self.assertEqual(read(os.path.join(self.folder, "dmesg.txt")).decode(), made_core.log_text())
        result = self.good(self.decrypt(os.path.join(self.folder, "dmesg.txt.enc"), "-"))
        self.assertEqual(result.stdout, made_core.log_text())

    def test_stream(self):
        self.good(self.decrypt("--stream", self.encrypted))
        self.is_whole(os.path.join(self.folder, "vmcore.flat"), 31)
        whole = self.good(self.decrypt(self.encrypted, "-", text=False)).stdout
        self.assertEqual(whole, read(os.path.join(self.folder, "vmcore.flat")))
        self.good(self.decrypt("-", self.dump, stdin=read(self.encrypted), text=False))
        self.is_whole(self.dump, 31)

    def test_file(self):
        """A file as the target: its name is the user's."""
        self.good(self.kdump("save", "-q", "--conf", self.conf, self.core, self.dump))
        self.fails(self.decrypt(self.dump), "needs a name")
        self.good(self.decrypt(self.dump, self.path("plain")))
        self.is_whole(self.path("plain"), 31)
        self.good(self.makedumpfile("-F", "-d", "31", "--conf", self.conf, self.core, self.path("front")))
        self.good(self.decrypt(self.path("front"), self.path("plain2")))
        self.is_whole(self.path("plain2"), 31)

    def test_no_place(self):
        for target in ("-", "/dev/null"):
            result = self.kdump("save", "-q", "--conf", self.conf, self.core, target)
            self.fails(result, "what is encrypted needs a file")
            self.assertEqual(result.stdout, "")
        self.fails(self.kdump("save", "-q", "--split", "--conf", self.conf, self.core, self.path("a"), self.path("b")),
                   "a split set cannot be encrypted")
        bad = self.file("bad", b"encrypt nonsense\n")
        self.fails(self.kdump("save", "--conf", bad, self.core, self.dump), "encrypt")

    def test_incomplete_dump(self):
        self.good(self.kdump("save", "-q", "--conf", self.conf, "--codec", "none", "--max-size", "5M", self.core,
                             self.path("dumps2.enc")), status=3)
        self.assertLessEqual(os.stat(self.path("dumps2.enc-incomplete")).st_size, 5 << 20)
        self.good(self.decrypt(self.path("dumps2.enc-incomplete")), status=3)
        self.assertGreater(self.tally(self.path("dumps2-incomplete"), status=3)[1], 500)

    def test_cut(self):
        whole = read(self.encrypted)
        for keep in (len(whole) - 1, len(whole) // 2, HEADER + 10 * CHUNK, HEADER + 10 * CHUNK + 5):
            path = self.file("cut.flat.enc", whole[:keep])
            result = self.good(self.decrypt(path), status=3)
            self.assertRegex(result.stderr, r"cut-incomplete: not complete: .*cut short")
            some = self.tally(self.path("cut-incomplete"), status=3)
            self.assertEqual(some[0], made_core.NR_PAGES)
            os.remove(self.path("cut-incomplete"))
        self.fails(self.decrypt(self.file("cut.flat.enc", whole[:HEADER - 1])), "inside its header")
        self.fails(self.decrypt(self.file("cut.flat.enc", whole[:HEADER])), "nothing of it can be read")

    def test_damage(self):
        def flip(at):
            def change(content):
                content[at] ^= 4
            return change

        self.fails(self.decrypt(self.changed(flip(40))), "its header is damaged")
        self.fails(self.decrypt(self.changed(flip(HEADER + 100))), "nothing of it can be read: chunk 0 at byte 152")
        result = self.good(self.decrypt(self.changed(flip(HEADER + 12 * CHUNK + 5))), status=3)
        self.assertIn("chunk 12 at byte %d is damaged, or another belongs there" % (HEADER + 12 * CHUNK), result.stderr)

        def swap(content):
            a, b = HEADER + 5 * CHUNK, HEADER + 6 * CHUNK
            content[a:a + CHUNK], content[b:b + CHUNK] = content[b:b + CHUNK], content[a:a + CHUNK]

        result = self.good(self.decrypt("-f", self.changed(swap), self.path("swapped")), status=3)
        self.assertIn("chunk 5 at", result.stderr)

        def drop(content):
            del content[HEADER + 5 * CHUNK:HEADER + 6 * CHUNK]

        result = self.good(self.decrypt("-f", self.changed(drop), self.path("dropped")), status=3)
        self.assertIn("chunk 5 at", result.stderr)
        result = self.good(self.decrypt(self.changed(lambda content: content + b"x"), self.path("longer")), status=3)
        self.assertIn("damaged", result.stderr)

    def test_wrong_key(self):
        self.good(self.kdump("decrypt", "-q", "--new-key", self.path("other")))
        self.fails(self.kdump("decrypt", "--key", self.path("other"), self.encrypted), "another public key")
        self.fails(self.kdump("decrypt", "--key", self.core, self.encrypted), "core")
        self.fails(self.decrypt(self.core, self.dump), "no file that kdump has encrypted")
        self.fails(self.decrypt(self.path("none"), self.dump), "cannot open")

    def test_usage(self):
        self.usage(self.kdump("decrypt"), "--key")
        self.usage(self.kdump("decrypt", self.encrypted), "--key")
        self.usage(self.decrypt(), "one file to read")
        self.usage(self.decrypt("a", "b", "c"), "one file to read")
        self.usage(self.decrypt("-"), "needs a name")
        self.usage(self.kdump("decrypt", "--new-key", self.path("k"), "--stream"), "makes a key and nothing else")
        self.usage(self.kdump("decrypt", "--frobnicate"), "--frobnicate")
        self.assertTrue(re.search(r"--new-key", self.good(self.kdump("decrypt", "--help")).stdout))

    def test_full_disk(self):
        """The shell's limit of file sizes stands for it."""
        result = subprocess.run(["sh", "-c", 'ulimit -f 1000; exec "$@"', "sh", kdump_case.KDUMP, "decrypt", "--key",
                                 self.key, self.encrypted], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                universal_newlines=True, timeout=60)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("largest size allowed", result.stderr)
        with open("/dev/full", "wb") as full:
            result = subprocess.run([kdump_case.KDUMP, "decrypt", "--key", self.key, self.encrypted, "-"], stdout=full,
                                    stderr=subprocess.PIPE, universal_newlines=True, timeout=60)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("cannot write to standard output", result.stderr)


if __name__ == "__main__":
    sys.exit(kdump_case.main())
