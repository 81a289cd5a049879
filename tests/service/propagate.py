#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kdumpctl propagate against a real sshd: propagate.py KDUMPCTL

Run as root; the server and its users live in a mount namespace of this program.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "transport"))
# pylint: disable=wrong-import-position
import sshd

KDUMPCTL = SERVER = None


class Propagate(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="propagate.")
        self.addCleanup(shutil.rmtree, self.root)
        os.makedirs(self.path("etc"))
        self.configure("ssh %s@127.0.0.1:%d" % (sshd.USER, SERVER.port))
        home = SERVER.path(".ssh")
        shutil.rmtree(home, ignore_errors=True)
        os.mkdir(home, 0o700)
        os.chown(home, sshd.UID, sshd.UID)

    def path(self, name):
        return os.path.join(self.root, name)

    def configure(self, *lines):
        with open(self.path("etc/kdump.conf"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def known(self, text):
        os.makedirs(self.path("root/.ssh"), exist_ok=True)
        with open(self.path("root/.ssh/known_hosts"), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def run_it(self, *arguments, answer=""):
        os.makedirs(self.path("root"), exist_ok=True)
        done = subprocess.run([KDUMPCTL, "--sysroot", self.root, "propagate", *arguments], input=answer, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        return done.returncode, done.stdout

    def works(self, *arguments, answer=""):
        status, words = self.run_it(*arguments, answer=answer)
        self.assertEqual(status, 0, words)
        return words

    def fails(self, sentence, *arguments, answer=""):
        status, words = self.run_it(*arguments, answer=answer)
        self.assertEqual(status, 1, words)
        self.assertIn(sentence, words)
        return words

    def entry(self, name="host.pub"):
        return "[127.0.0.1]:%d %s" % (SERVER.port, SERVER.read(name))

    def authorized(self):
        with open(SERVER.path(".ssh/authorized_keys"), encoding="utf-8") as file:
            return file.read().splitlines()

    def login(self):
        return "--identity=" + SERVER.path("user")

    def fingerprint(self):
        return subprocess.run(["ssh-keygen", "-l", "-f", SERVER.path("host.pub")], text=True, check=True,
                              stdout=subprocess.PIPE).stdout.split()[1]

    def test_all_of_it(self):
        words = self.works(self.login(), answer="y\n")
        self.assertIn("A new key: ", words)
        self.assertIn(self.fingerprint(), words)
        self.assertIn("lets the key in now", words)
        self.assertEqual(os.stat(self.path("root/.ssh/kdump_id_rsa")).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(self.path("root/.ssh")).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(self.path("root/.ssh/known_hosts")).st_mode & 0o777, 0o600)
        self.assertIn("ssh-ed25519 " + SERVER.read("host.pub").split()[1], self.read("root/.ssh/known_hosts"))
        self.assertEqual(self.authorized(), [self.read("root/.ssh/kdump_id_rsa.pub").strip()])
        # Again: everything is there, nothing is asked, nothing is added.
        key, known = self.read("root/.ssh/kdump_id_rsa"), self.read("root/.ssh/known_hosts")
        words = self.works()
        self.assertIn("is the one in", words)
        self.assertNotIn("Logging in", words)
        self.assertEqual((key, known), (self.read("root/.ssh/kdump_id_rsa"), self.read("root/.ssh/known_hosts")))
        self.assertEqual(len(self.authorized()), 1)

    def test_keys_of_others_stay(self):
        with open(SERVER.path(".ssh/authorized_keys"), "w", encoding="utf-8") as file:
            file.write("# mine\nssh-ed25519 AAAA another")
        os.chown(SERVER.path(".ssh/authorized_keys"), sshd.UID, sshd.UID)
        self.known("other.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMF0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
        self.works("--yes", self.login())
        self.assertEqual(self.authorized()[:2], ["# mine", "ssh-ed25519 AAAA another"])
        self.assertEqual(len(self.authorized()), 3)
        self.assertEqual(self.read("root/.ssh/known_hosts").splitlines()[0][:13], "other.example")
        # The public key beside the private one is not believed.
        with open(self.path("root/.ssh/kdump_id_rsa.pub"), "w", encoding="utf-8") as file:
            file.write("ssh-ed25519 BBBB wrong\n")
        os.unlink(SERVER.path(".ssh/authorized_keys"))
        self.works(self.login())
        self.assertNotIn("BBBB", self.authorized()[0])

    def test_no_is_no(self):
        for answer in ("", "n\n", "\n", "no\n"):
            self.fails("was not accepted; nothing was written", self.login(), answer=answer)
            self.assertFalse(os.path.exists(self.path("root/.ssh/known_hosts")))
        self.assertFalse(os.path.exists(SERVER.path(".ssh/authorized_keys")))

    def test_fingerprint(self):
        self.fails("not the server that was meant", "--fingerprint=SHA256:" + "A" * 43, "--yes", self.login())
        self.assertFalse(os.path.exists(self.path("root/.ssh/known_hosts")))
        self.works("--fingerprint=" + self.fingerprint(), self.login())

    def test_wrong_host_key(self):
        self.known(self.entry("other-host.pub"))
        words = self.fails("is NOT the one in", "--yes", self.login())
        self.assertIn("ssh-keygen -R '[127.0.0.1]:%d'" % SERVER.port, words)
        self.assertFalse(os.path.exists(SERVER.path(".ssh/authorized_keys")))
        self.assertEqual(self.read("root/.ssh/known_hosts"), self.entry("other-host.pub"))

    def test_known_by_another_kind_of_key(self):
        self.known("[127.0.0.1]:%d ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ==\n" % SERVER.port)
        self.fails("is NOT the one in", "--yes", self.login())

    def test_hashed_names(self):
        self.known(self.entry())
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", self.path("root/.ssh/known_hosts")], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertNotIn("127.0.0.1", self.read("root/.ssh/known_hosts"))
        self.assertIn("is the one in", self.works(self.login()))

    def test_not_let_in(self):
        self.fails("the key could not be added", "--yes", "--identity=" + SERVER.path("other-user"))

    def test_nobody_there(self):
        self.configure("ssh %s@127.0.0.1:%d" % (sshd.USER, sshd.free_port()))
        self.fails("shows no host key", "--yes")

    def test_no_ssh_target(self):
        self.configure("path /var/crash")
        self.fails("no line \"ssh USER@SERVER\"")
        self.assertFalse(os.path.exists(self.path("root/.ssh")))

    def test_bad_configuration(self):
        self.configure("ssh nobody")
        self.fails("kdump.conf:1: \"ssh\": \"nobody\" names no user")

    def test_bad_keys(self):
        os.makedirs(self.path("root/.ssh"))
        key = self.path("root/.ssh/kdump_id_rsa")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", key], check=True)
        self.fails("one with a passphrase is of no use", "--yes", self.login())
        os.chmod(key, 0o644)
        self.fails("can be read by others", "--yes", self.login())
        os.unlink(key)
        with open(key, "w", encoding="utf-8") as file:
            file.write("nonsense\n")
        os.chmod(key, 0o600)
        self.fails("cannot be used", "--yes", self.login())

    def test_arguments(self):
        self.fails("what is this: now", "now")
        self.fails("what is this: --fingerprint=", "--fingerprint=")

    def test_several_servers(self):
        self.configure("ssh %s@127.0.0.1:%d" % (sshd.USER, SERVER.port), "ssh %s@localhost:%d" % (sshd.USER,
                                                                                                  SERVER.port))
        words = self.works("--yes", self.login())
        self.assertEqual(len(re.findall("lets the key in", words)), 2)
        self.assertEqual(words.count("A new key"), 1)
        self.assertEqual(len(self.authorized()), 1)


def main():
    global KDUMPCTL, SERVER
    KDUMPCTL = os.path.abspath(sys.argv[1])
    sshd.enter()
    folder = tempfile.mkdtemp(prefix="propagate-sshd.")
    try:
        SERVER = sshd.Sshd(folder)
        config = SERVER.read("sshd_config").replace("AuthorizedKeysFile ", "AuthorizedKeysFile .ssh/authorized_keys ")
        SERVER.write("sshd_config", config)
        SERVER.start()
        result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0).run(
            unittest.defaultTestLoader.loadTestsFromTestCase(Propagate))
    finally:
        if SERVER:
            SERVER.stop()
        shutil.rmtree(folder, ignore_errors=True)
    bad = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.testsRun - bad, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
