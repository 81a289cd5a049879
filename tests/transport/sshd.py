# SPDX-License-Identifier: GPL-2.0-or-later
"""A real sshd of Debian on a port of loopback, with users, keys and files of its own, in a mount namespace of its own.

The calling program runs inside that namespace (enter()), as root: /etc/passwd and /run are other ones there, and the
machine's stay as they are.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = ("openssh-server", "openssh-sftp-server", "libwrap0")
USER, UID = "dumper", 23456
INSIDE = "KDUMP_TEST_NAMESPACE"


def fetch():
    subprocess.run([os.path.join(TOP, "tests/setup/fetch")] + [name + ":amd64" for name in PACKAGES], check=True,
                   stdout=subprocess.DEVNULL)


def enter():
    """Go on in a mount namespace of our own."""
    if os.environ.get(INSIDE):
        return
    fetch()
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable] + sys.argv)


def package(name, path):
    return os.path.join(TOP, "build/pkg", name + "_amd64", path)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def below(pid):
    """Children of PID, and theirs."""
    found, parents, table = [], {pid}, {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, encoding="latin-1") as file:
                    table[int(name)] = int(file.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                pass
    while parents:
        parents = {child for child, parent in table.items() if parent in parents}
        found += sorted(parents)
    return found


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


class Sshd:
    """start() and stop() as often as wanted; files below self.folder, which the server calls the same."""

    def __init__(self, folder, subsystem=None):
        self.folder = folder
        self.port = free_port()
        self.process = None
        self.served = os.path.join(folder, "served")
        os.makedirs(self.served)
        os.chmod(folder, 0o755)
        os.chown(self.served, UID, UID)
        self.subsystem = os.path.join(folder, "sftp-server")
        shutil.copy(package("openssh-sftp-server", "usr/lib/openssh/sftp-server"), self.subsystem)
        self.set_up_users()
        for name in ("host", "other-host", "user", "other-user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", self.path(name)],
                           check=True)
        shutil.copy(self.path("user.pub"), self.path("authorized"))
        self.write("known", "[127.0.0.1]:%d %s" % (self.port, self.read("host.pub")))
        self.configure(subsystem or self.subsystem)

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def set_up_users(self):
        with open("/etc/passwd", encoding="utf-8") as file:
            users = file.read()
        self.write("passwd", users + "sshd:x:23455:65534::/run/sshd:/usr/sbin/nologin\n%s:x:%d:%d::%s:/bin/sh\n" %
                   (USER, UID, UID, self.folder))
        self.write("shadow", "root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\n%s:*:19000:0:99999:7:::\n" % USER)
        mount("--bind", self.path("passwd"), "/etc/passwd")
        mount("--bind", self.path("shadow"), "/etc/shadow")
        # No name leads out of this machine.
        self.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        mount("--bind", self.path("resolv.conf"), "/etc/resolv.conf")
        mount("-t", "tmpfs", "tmpfs", "/run")
        os.mkdir("/run/sshd", 0o755)

    def configure(self, subsystem):
        self.write("sshd_config", "\n".join((
            "ListenAddress 127.0.0.1:%d" % self.port, "HostKey %s" % self.path("host"), "PidFile none", "UsePAM no",
            "AuthorizedKeysFile %s" % self.path("authorized"), "StrictModes no", "PasswordAuthentication no",
            "KbdInteractiveAuthentication no", "LogLevel VERBOSE", "MaxStartups 100",
            "Subsystem sftp %s" % subsystem if subsystem else "")) + "\n")

    def start(self):
        environment = dict(os.environ, LD_LIBRARY_PATH=package("libwrap0", "lib/x86_64-linux-gnu") + ":" +
                           package("libwrap0", "usr/lib/x86_64-linux-gnu"))
        with open(self.path("log"), "ab") as log:
            self.process = subprocess.Popen([package("openssh-server", "usr/sbin/sshd"), "-D", "-e", "-f",
                                             self.path("sshd_config")], env=environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)
        for _ in range(500):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError("sshd does not start: " + self.read("log"))

    def cut(self):
        """Break all connections; the server goes on."""
        signal_all(below(self.process.pid), signal.SIGKILL)

    def freeze(self):
        """What serves does nothing any more, but is there."""
        signal_all(below(self.process.pid), signal.SIGSTOP)

    def stop(self):
        if self.process:
            sessions = below(self.process.pid)
            self.process.kill()
            signal_all(sessions, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def conf(self, **more):
        """A kdump.conf that leads here."""
        lines = {"sshkey": self.path("user"), "ssh_known_hosts": self.path("known"), **more}
        return self.write("kdump.conf", "".join("%s %s\n" % line for line in lines.items()))

    def url(self, path="", user=USER, host="127.0.0.1"):
        return "sftp://%s@%s:%d%s/%s" % (user, host, self.port, self.served, path)
