#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps saved to web servers and object stores: web.py KDUMP [--long] [-v] [NAME...]

The servers are real ones on loopback, nginx and s3rver; between kdump and them stands a proxy that does what goes
wrong.
What arrives is held against a dump that was saved to a file, page by page, by a reader that is not ours.
"""
import concurrent.futures
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import made_core  # noqa: E402
import servers  # noqa: E402
from fault_proxy import Proxy, Rule  # noqa: E402

import kdumpfile  # noqa: E402
from kdumpfile import exceptions  # noqa: E402

KDUMP = None
LARGE = ("-d", "0", "--codec", "none")  # two parts and more
PART = 8 << 20
BUCKET = "crashes"


class World:
    """All that the tests share: servers, certificates, a core and what is saved of it to files."""

    def __init__(self, folder):
        self.folder = folder
        self.certs = servers.Certificates(self.path("certs"))
        self.nginx = servers.Nginx(self.path("nginx"), self.certs.good)
        self.store = servers.ObjectStore(self.path("store")) if os.path.exists(servers.S3RVER) else None
        self.core = self.path("core")
        with open(self.core, "wb") as out:
            out.write(made_core.core_bytes())
        self.small, self.large, self.elf = self.path("small"), self.path("large"), self.path("elf")
        run("save", "-q", "-d", "0", "-E", self.core, self.elf)
        run("save", "-q", self.core, self.small)
        run("save", "-q", *LARGE, self.core, self.large)
        self.secret("s3", "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n" %
                    (servers.S3_KEY, servers.S3_SECRET))
        self.secret("s3_wrong", "%s\nwrong\n" % servers.S3_KEY)
        self.secret("user", "%s:%s\n" % (servers.USER, servers.PASSWORD))
        self.secret("user_wrong", "%s:wrong" % servers.USER)
        self.secret("token", servers.TOKEN + "\n")
        self.key = self.path("key")
        self.public = run("decrypt", "-q", "--new-key", self.key).stdout.split()[1]

    def path(self, name):
        return os.path.join(self.folder, name)

    def secret(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="ascii") as out:
            out.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def close(self):
        self.nginx.stop()
        if self.store:
            self.store.stop()


def run(*arguments, status=0):
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    result = subprocess.run([KDUMP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=100,
                            universal_newlines=True, env=environment)
    if re.search("Sanitizer|runtime error", result.stderr):
        raise AssertionError(result.stderr)
    if result.returncode != status:
        raise AssertionError("%s: exit status %d: %s" % (" ".join(arguments), result.returncode, result.stderr))
    return result


def pages(path):
    """Every page frame of the made-up core in a dump; None: it is not there."""
    out = []
    dump = kdumpfile.kdumpfile(path)
    for pfn in range(made_core.NR_PAGES):
        try:
            out.append(bytes(dump.read(kdumpfile.KDUMP_MACHPHYSADDR, pfn * made_core.PAGE, made_core.PAGE)))
        except (exceptions.NoDataException, exceptions.CorruptException):
            out.append(None)
    return out


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def same(got, want, what):
    check(got == want, "%s: %s, want %s" % (what, repr(got)[:400], repr(want)[:400]))


def far_core(path, megabytes, top):
    """A core without a word on its kernel: noise at address 0, and one page at TOP, which makes the tables large."""
    noise, page = random.Random(1).randbytes(megabytes << 20), bytes(range(256)) * 16
    segments = ((4, 4096, 0, 0), (1, 8192, 0, len(noise)), (1, 8192 + len(noise), top, len(page)))
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    for kind, offset, start, length in segments:
        head += struct.pack("<IIQQQQQQ", kind, 0, offset, 0, start, length, length, 0)
    with open(path, "wb") as out:
        out.write(head.ljust(8192, b"\0") + noise + page)


class Test:
    def __init__(self, world, name):
        self.w, self.name, self.number = world, name, 0
        self.proxies = []
        self.folder = tempfile.mkdtemp(prefix=name + "-", dir=world.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def close(self):
        for proxy in self.proxies:
            proxy.close()

    def conf(self, **keys):
        self.number += 1
        path = self.path("conf%d" % self.number)
        with open(path, "w", encoding="ascii") as out:
            for key, value in keys.items():
                out.write("%s %s\n" % (key, value))
        return path

    def proxy(self, backend, *rules, **more):
        proxy = Proxy(backend, **more)
        proxy.rules = list(rules)
        self.proxies.append(proxy)
        return proxy

    def web(self, *rules, certificate=None):
        """A proxy over TLS in front of nginx."""
        return self.proxy(self.w.nginx.plain_port, *rules, certificate=certificate or self.w.certs.good)

    def objects(self, *rules):
        return self.proxy(self.w.store.port, *rules, certificate=self.w.certs.good, secret=servers.S3_SECRET)

    def https_conf(self, **more):
        return self.conf(**{"https_ca": self.w.certs.ca, **more})

    def s3_conf(self, port, scheme="https", host="127.0.0.1", **more):
        if scheme == "http":
            more.setdefault("https_insecure", "yes")
        return self.conf(**{"https_ca": self.w.certs.ca, "s3_endpoint": "%s://%s:%d" % (scheme, host, port),
                            "s3_credentials": self.w.path("s3"), **more})

    def save(self, conf, url, *more, status=0):
        return run("save", "-q", "--conf", conf, *more, self.w.core, url, status=status)

    def fails(self, conf, url, *texts, arguments=(), status=1):
        """One sentence on standard error."""
        result = self.save(conf, url, *arguments, status=status)
        self.says(result, *texts)
        return result

    def says(self, result, *texts):
        lines = result.stderr.splitlines()
        same(len(lines), 1, result.stderr)
        for text in texts:
            check(text in lines[0], "%s does not say %s" % (lines[0], text))

    def stored(self, path):
        """A file below nginx's root."""
        with open(os.path.join(self.w.nginx.data, path), "rb") as file:
            return file.read()

    def object(self, key):
        with open(os.path.join(self.w.store.data, BUCKET, key + "._S3rver_object"), "rb") as file:
            return file.read()

    def objects_of(self, prefix):
        folder = os.path.join(self.w.store.data, BUCKET, prefix)
        suffix = "._S3rver_object"
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return sorted(name[:-len(suffix)] for name in names if name.endswith(suffix))

    def dump_of(self, content, stream):
        """What arrived, as a file that readers open."""
        raw = self.path("arrived")
        with open(raw, "wb") as out:
            out.write(content)
        if not stream:
            return raw
        run("reassemble", "-q", "-f", raw, self.path("dump"))
        return self.path("dump")

    def same_pages(self, content, reference, stream=False):
        got, want = pages(self.dump_of(content, stream)), pages(reference)
        differ = [pfn for pfn, (a, b) in enumerate(zip(got, want)) if a != b]
        check(not differ, "pages differ: %s" % differ[:20])

    def uploads_left(self):
        """Uploads that were begun and neither completed nor given up."""
        folder = os.path.join(self.w.store.data, BUCKET, ".S3rver_uploads")
        return os.listdir(folder) if os.path.isdir(folder) else []


class Https(Test):
    def url(self, path="", port=None):
        return "https://127.0.0.1:%d/%s" % (port or self.w.nginx.port, path)

    def test_dump(self):
        folder = "a/b/127.0.0.1-2026-11-21-10:00:00"
        self.save(self.https_conf(), self.url(folder) + "/")
        same(sorted(os.listdir(os.path.join(self.w.nginx.data, folder))), ["README.txt", "dmesg.txt", "vmcore.flat"],
             "files")
        self.same_pages(self.stored(folder + "/vmcore.flat"), self.w.small, stream=True)
        check(b"The dump is complete" in self.stored(folder + "/README.txt"), "note")
        check(b"Kernel panic" in self.stored(folder + "/dmesg.txt"), "log")
        # What is there is not replaced, unless that is wanted.
        self.fails(self.https_conf(), self.url(folder), "vmcore.flat: exists", "--force")
        self.save(self.https_conf(), self.url(folder), "--force", "--log-name", "vmcore-dmesg.txt")
        check(b"Kernel panic" in self.stored(folder + "/vmcore-dmesg.txt"), "log")

    def test_large_and_elf(self):
        self.save(self.https_conf(), self.url("large"), *LARGE)
        self.same_pages(self.stored("large/vmcore.flat"), self.w.large, stream=True)
        self.save(self.https_conf(), self.url("elf"), "-d", "0", "-E")
        self.same_pages(self.stored("elf/vmcore.flat"), self.w.elf, stream=True)

    def test_makedumpfile(self):
        run("makedumpfile", "-l", "-d", "31", "--conf", self.https_conf(), self.w.core, self.url("front"))
        self.same_pages(self.stored("front/vmcore.flat"), self.w.small, stream=True)

    def test_log_first(self):
        proxy = self.web()
        self.save(self.https_conf(), self.url("first", proxy.port))
        puts = [path.rsplit("/", 1)[1] for method, path in proxy.seen if method == "PUT"]
        puts = [name for name in puts if name != "probe.txt"]
        same(puts, ["README.txt", "dmesg.txt", "vmcore.flat", "README.txt"], "order")

    def test_probe(self):
        result = run("save", "--probe", "--conf", self.https_conf(), self.url("probe/it"))
        check("can be written to" in result.stdout, result.stdout)
        same(os.listdir(os.path.join(self.w.nginx.data, "probe/it")), [], "files left")

    def test_incomplete(self):
        self.save(self.https_conf(), self.url("cut"), *LARGE, "--max-size", "5M", status=3)
        same(sorted(os.listdir(os.path.join(self.w.nginx.data, "cut"))), ["README.txt", "dmesg.txt",
                                                                        "vmcore.flat-incomplete"], "files")
        raw = self.dump_of(self.stored("cut/vmcore.flat-incomplete"), False)
        run("reassemble", "-q", raw, self.path("x"), status=3)
        some = [page for page in pages(self.path("x-incomplete")) if page is not None]
        check(len(some) > 500, "%d pages" % len(some))
        check(b"not complete" in self.stored("cut/README.txt"), "note")
        # Where the server does not rename, the note has to do.
        self.save(self.https_conf(), self.url("norename"), *LARGE, "--max-size", "5M", status=3)
        check(b"not complete" in self.stored("norename/README.txt"), "note")
        check("vmcore.flat" in os.listdir(os.path.join(self.w.nginx.data, "norename")), "dump")

    def test_credentials(self):
        conf = self.https_conf(https_credentials=self.w.path("user"))
        self.save(conf, self.url("user/x"))
        self.same_pages(self.stored("user/x/vmcore.flat"), self.w.small, stream=True)
        self.save(self.https_conf(https_credentials=self.w.path("token")), self.url("token/x"))
        self.same_pages(self.stored("token/x/vmcore.flat"), self.w.small, stream=True)
        self.fails(self.https_conf(), self.url("user/y"), "the server answers 401 Unauthorized")
        self.fails(self.https_conf(https_credentials=self.w.path("user_wrong")), self.url("user/y"), "401")
        self.fails(self.https_conf(https_credentials=self.w.path("user")), self.url("token/y"), "401")

    def test_credentials_file(self):
        url = self.url("user/z")
        open_to_all = self.w.secret("open_to_all", "a:b", 0o644)
        self.fails(self.https_conf(https_credentials=open_to_all), url, "https_credentials", "chmod 600")
        self.fails(self.https_conf(https_credentials=self.path("missing")), url, "missing", "No such file")
        for text, words in (("", "empty"), ("a:b\nc:d\n", "one line"), ("x" * 70000, "too long")):
            self.fails(self.https_conf(https_credentials=self.w.secret("bad%d" % len(text), text)), url, words)
        self.fails(self.https_conf(), "https://me:secret@127.0.0.1/x", "https_credentials")
        self.fails(self.https_conf(), "https://127.0.0.1/x?y", "\"?\"")

    def test_certificates(self):
        for certificate in (self.w.certs.other_name, self.w.certs.expired, self.w.certs.strange):
            proxy = self.web(certificate=certificate)
            self.fails(self.https_conf(), self.url("c", proxy.port), "the server's certificate is not accepted")
            same(proxy.seen, [], "sent all the same")
        # Not even where http is allowed.
        proxy = self.web(certificate=self.w.certs.expired)
        self.fails(self.https_conf(https_insecure="yes"), self.url("c", proxy.port), "not accepted")
        self.fails(self.conf(), self.url("c"), "certificate is not accepted")
        self.fails(self.https_conf(https_ca=self.path("missing")), self.url("c"), "https_ca", "No such file")
        self.fails(self.https_conf(https_ca=self.w.core), self.url("c"), "https_ca")

    def test_http(self):
        url = "http://127.0.0.1:%d/http" % self.w.nginx.plain_port
        self.fails(self.https_conf(), url, "https_insecure")
        self.save(self.https_conf(https_insecure="yes"), url)
        self.same_pages(self.stored("http/vmcore.flat"), self.w.small, stream=True)

    def test_redirects(self):
        self.save(self.https_conf(), self.url("away/x"), "--force")
        self.same_pages(self.stored("there/away/x/vmcore.flat"), self.w.small, stream=True)
        self.fails(self.https_conf(), self.url("plain/x"), "not https")
        self.fails(self.https_conf(), self.url("circle/x"), "leads from one address to the next")

    def test_redirects_that_come_late(self):
        """Behind the word that the body is wanted: what was sent by then is sent again, as long as it is not much."""
        def late(after):
            return self.web(Rule("late", "PUT", "vmcore", after=after, status=307, reason="Temporary Redirect",
                                 fields={"Location": self.url("late/vmcore.flat")}))

        self.save(self.https_conf(), self.url("late", late(1000).port))
        self.same_pages(self.stored("late/vmcore.flat"), self.w.small, stream=True)
        self.fails(self.https_conf(), self.url("late", late(3 << 20).port), "elsewhere in the middle of a dump",
                   arguments=(*LARGE, "--force"))

    def test_refusals(self):
        for path, words in (("forbidden/x", "403 Forbidden"), ("readonly/x", "405 Not Allowed")):
            self.fails(self.https_conf(), self.url(path), "the server answers " + words)
        result = self.save(self.https_conf(), self.url("small"), status=1)
        check("413 Request Entity Too Large" in result.stderr, result.stderr)
        same([name for name in os.listdir(os.path.join(self.w.nginx.data, "small")) if name.startswith("vmcore")], [],
             "dumps")

    def test_server_gone(self):
        self.fails(self.https_conf(), "https://127.0.0.1:%d/x" % servers.free_port(), "the server cannot be reached")
        # Names below .invalid exist nowhere (RFC 2606).
        self.fails(self.https_conf(), "https://dumps.invalid/x", "the server's name is not known")

    def test_errors_that_pass(self):
        busy = {"status": 503, "reason": "Busy", "times": 2}
        proxy = self.web(Rule("answer", "PUT", "probe", **busy), Rule("answer", "PUT", "dmesg", **busy),
                         Rule("cut", "PUT", "README", after=10), Rule("answer", "HEAD", "vmcore", skip=1, **busy))
        self.save(self.https_conf(), self.url("passing", proxy.port))
        same([rule.hits for rule in proxy.rules], [2, 2, 1, 2], "rules")
        self.same_pages(self.stored("passing/vmcore.flat"), self.w.small, stream=True)

    def test_errors_that_stay(self):
        proxy = self.web(Rule("answer", "PUT", "probe", times=99, status=500, reason="Oops",
                              body=b"<html><body><h1>Out of cheese</h1></body></html>"))
        self.fails(self.https_conf(), self.url("always", proxy.port), "500 Oops: Out of cheese")

    def test_cut_in_the_middle(self):
        proxy = self.web(Rule("cut", "PUT", "vmcore", after=3 << 20))
        result = self.save(self.https_conf(), self.url("broken", proxy.port), *LARGE, status=1)
        check("vmcore.flat: " in result.stderr, result.stderr)
        same(sorted(os.listdir(os.path.join(self.w.nginx.data, "broken"))), ["README.txt", "dmesg.txt"], "files")
        check(b"could not be saved" in self.stored("broken/README.txt"), "note")

    def test_refused_in_the_middle(self):
        proxy = self.web(Rule("early", "PUT", "vmcore", times=9, status=507, reason="Insufficient Storage"))
        result = self.save(self.https_conf(), self.url("full", proxy.port), *LARGE, status=1)
        check("507 Insufficient Storage" in result.stderr, result.stderr)

    def test_stalled(self):
        proxy = self.web(Rule("stall", "PUT", "vmcore", after=1 << 20, seconds=20))
        self.fails(self.https_conf(), self.url("stalled", proxy.port), "takes no more of the dump",
                   arguments=(*LARGE, "--network-timeout", "1"))

    def test_verification(self):
        damage = self.web(Rule("damage", "PUT", "vmcore"))
        self.fails(self.https_conf(), self.url("v1", damage.port), "what arrived is not what was sent", status=3)
        check(b"not complete" in self.stored("v1/README.txt"), "note")
        answer = self.web(Rule("damage_answer", "GET", "vmcore"))
        self.fails(self.https_conf(), self.url("v2", answer.port), "contents differ", status=3)
        digest = self.web(Rule("fields", "HEAD", "vmcore", times=9, fields={"Repr-Digest": "sha-256=:AAAA:"}))
        self.fails(self.https_conf(), self.url("v3", digest.port), "digest differs", status=3)
        same([method for method, _ in digest.seen if method == "GET"], [], "read back although there is a digest")
        length = self.web(Rule("fields", "HEAD", "vmcore", times=9, fields={"Content-Length": "17"}))
        self.fails(self.https_conf(), self.url("v4", length.port), "17 bytes arrived of", status=3)
        gone = self.web(Rule("answer", "HEAD", "vmcore", skip=1, times=9, status=404, reason="Not Found"))
        self.fails(self.https_conf(), self.url("v5", gone.port), "has no such file", status=3)

    def test_write_only(self):
        result = self.save(self.https_conf(), self.url("putonly"))
        self.says(result, "cannot be looked at (403)")
        self.same_pages(self.stored("putonly/vmcore.flat"), self.w.small, stream=True)

    def test_encrypted(self):
        self.save(self.https_conf(encrypt=self.w.public), self.url("enc"), *LARGE)
        same(sorted(os.listdir(os.path.join(self.w.nginx.data, "enc"))), ["README.txt", "dmesg.txt.enc",
                                                                        "vmcore.flat.enc"], "files")
        secret = self.stored("enc/vmcore.flat.enc")
        check(b"KDUMP   " not in secret and b"makedumpfile" not in secret, "not encrypted")
        check(b"panic" not in self.stored("enc/dmesg.txt.enc"), "log is not encrypted")
        with open(self.path("vmcore.flat.enc"), "wb") as out:
            out.write(secret)
        run("decrypt", "--key", self.w.key, self.path("vmcore.flat.enc"))
        with open(self.path("vmcore"), "rb") as file:
            self.same_pages(file.read(), self.w.large)


# s3rver knows no AbortMultipartUpload.
ABORTED = {"action": "answer", "method": "DELETE", "part": "uploadId", "times": 9, "status": 204,
           "reason": "No Content"}


class S3(Test):
    def url(self, path=None):
        return "s3://%s/%s" % (BUCKET, path or self.name)

    def test_small(self):
        self.save(self.s3_conf(self.w.store.port, "http"), self.url("a/127.0.0.1-2026-11-21-10:00:00/"))
        folder = "a/127.0.0.1-2026-11-21-10:00:00"
        same(self.objects_of(folder), ["README.txt", "dmesg.txt", "vmcore"], "objects")
        self.same_pages(self.object(folder + "/vmcore"), self.w.small)
        check(b"The dump is complete" in self.object(folder + "/README.txt"), "note")
        self.fails(self.s3_conf(self.w.store.port, "http"), self.url(folder), "exists", "--force")

    def test_parts(self):
        proxy = self.objects()
        self.save(self.s3_conf(proxy.port), self.url(), *LARGE)
        self.same_pages(self.object(self.name + "/vmcore"), self.w.large)
        numbers = [int(re.search(r"partNumber=(\d+)", path)[1]) for _, path in proxy.seen if "partNumber" in path]
        check(len(numbers) >= 2 and numbers[-1] == 1 and 1 not in numbers[:-1], "the first part is not the last: %s" %
              numbers)
        names = [path.rsplit("/", 1)[1].split("?")[0] for method, path in proxy.seen if method == "PUT"]
        check(names.index("dmesg.txt") < names.index("vmcore"), "the log is not first")

    def test_tables_of_many_parts(self):
        core, local = self.path("core"), self.path("local")
        far_core(core, 12, 1 << 38)  # 16 MiB of bitmaps
        run("save", "-q", "-d", "0", "--workers", "0", core, local)
        proxy = self.objects()
        run("save", "-q", "-d", "0", "--workers", "0", "--conf", self.s3_conf(proxy.port), core, self.url())
        numbers = [int(re.search(r"partNumber=(\d+)", path)[1]) for _, path in proxy.seen if "partNumber" in path]
        same(numbers, [4, 1, 2, 3], "order of parts")
        with open(local, "rb") as file:
            check(file.read() == self.object(self.name + "/vmcore"), "it differs from the local dump")

    def test_tables_too_large(self):
        """More than any memory for tables: a stream instead."""
        core, local = self.path("core"), self.path("local")
        far_core(core, 1, 1 << 43)  # 512 MiB of bitmaps
        run("save", "-q", "-d", "0", core, local)
        run("save", "-q", "-d", "0", "--conf", self.s3_conf(self.w.store.port, "http"), core, self.url())
        same(self.objects_of(self.name), ["README.txt", "vmcore.flat"], "objects")
        with open(self.path("stream"), "wb") as out:
            out.write(self.object(self.name + "/vmcore.flat"))
        tell = [run("check", path).stdout.split(": ", 1)[1].split("\n")[1:] for path in (local, self.path("stream"))]
        same(tell[1], tell[0], "pages")

    def test_streams(self):
        conf = self.s3_conf(self.w.store.port, "http")
        self.save(conf, self.url("elf"), "-d", "0", "-E")
        self.same_pages(self.object("elf/vmcore.flat"), self.w.elf, stream=True)
        self.save(conf, self.url("flat"), "-F")
        self.same_pages(self.object("flat/vmcore.flat"), self.w.small, stream=True)

    def test_encrypted(self):
        self.save(self.s3_conf(self.w.store.port, "http", encrypt=self.w.public), self.url("enc"), *LARGE)
        same(self.objects_of("enc"), ["README.txt", "dmesg.txt.enc", "vmcore.flat.enc"], "objects")
        with open(self.path("vmcore.flat.enc"), "wb") as out:
            out.write(self.object("enc/vmcore.flat.enc"))
        run("decrypt", "--key", self.w.key, self.path("vmcore.flat.enc"))
        with open(self.path("vmcore"), "rb") as file:
            self.same_pages(file.read(), self.w.large)

    def test_incomplete(self):
        self.save(self.s3_conf(self.w.store.port, "http"), self.url(), *LARGE, "--max-size", "10M", status=3)
        same(self.objects_of(self.name), ["README.txt", "dmesg.txt", "vmcore-incomplete"], "objects")
        some = pages(self.dump_of(self.object(self.name + "/vmcore-incomplete"), False))
        want = pages(self.w.large)
        there = [pfn for pfn, page in enumerate(some) if page is not None]
        check(len(there) > 1500, "%d pages" % len(there))
        check(all(some[pfn] == want[pfn] for pfn in there), "pages differ")
        check(b"not complete" in self.object(self.name + "/README.txt"), "note")

    def test_credentials(self):
        url = self.url()
        port = self.objects().port
        self.fails(self.s3_conf(port, s3_credentials=self.w.path("s3_wrong")), url, "403", "SignatureDoesNotMatch")
        self.w.secret("s3_unknown", "NOBODY\nsecret\n")
        self.fails(self.s3_conf(self.w.store.port, "http", s3_credentials=self.w.path("s3_unknown")), url, "403",
                   "InvalidAccessKeyId")
        self.w.secret("s3_open", "a\nb\n", 0o640)
        self.fails(self.s3_conf(port, s3_credentials=self.w.path("s3_open")), url, "chmod 600")
        self.w.secret("s3_half", "a\n")
        self.fails(self.s3_conf(port, s3_credentials=self.w.path("s3_half")), url, "aws_secret_access_key")
        self.fails(self.conf(), url, "s3_credentials")
        same(self.objects_of(self.name), [], "objects")
        # With a session token, which is signed too; below a prefix that has to be encoded.
        self.w.secret("s3_token", "[kdump]\naws_access_key_id=%s\naws_secret_access_key=%s\n"
                      "aws_session_token=a/b+c==\n" % (servers.S3_KEY, servers.S3_SECRET))
        proxy = self.objects()
        self.save(self.s3_conf(proxy.port, s3_credentials=self.w.path("s3_token")), self.url("a b+c/10:00:00~"))
        self.same_pages(self.object("a b+c/10:00:00~/vmcore"), self.w.small)

    def test_no_such_bucket(self):
        self.fails(self.s3_conf(self.w.store.port, "http"), "s3://nothing/x", "404", "NoSuchBucket")

    def test_endpoint(self):
        self.fails(self.s3_conf(self.w.store.port, "http", https_insecure="no"), self.url(), "https_insecure")
        self.fails(self.s3_conf(servers.free_port()), self.url(), "the server cannot be reached")
        self.fails(self.s3_conf(443, host="store.invalid"), self.url(), "the server's name is not known")
        for certificate in (self.w.certs.other_name, self.w.certs.expired, self.w.certs.strange):
            proxy = self.proxy(self.w.store.port, certificate=certificate)
            self.fails(self.s3_conf(proxy.port), self.url(), "certificate is not accepted")
            same(proxy.seen, [], "sent all the same")

    def test_passing(self):
        """One of everything that may pass, in one upload."""
        proxy = self.objects(Rule("answer", "PUT", "probe", status=503, reason="SlowDown"),
                             Rule("answer", "POST", "uploads", status=500, reason="InternalError"),
                             Rule("cut", "PUT", "partNumber=2", after=3 << 20),
                             Rule("answer", "PUT", "partNumber=2", status=500, reason="InternalError"),
                             Rule("lose", "PUT", "partNumber=1"))
        self.save(self.s3_conf(proxy.port), self.url(), *LARGE)
        same([rule.hits for rule in proxy.rules], [1] * 5, "rules")
        self.same_pages(self.object(self.name + "/vmcore"), self.w.large)

    def test_completion(self):
        """Its answer gets lost; an error in an answer that begins with 200."""
        proxy = self.objects(Rule("lose", "POST", "vmcore?uploadId"))
        self.save(self.s3_conf(proxy.port), self.url("lost"), *LARGE)
        self.same_pages(self.object("lost/vmcore"), self.w.large)
        error = b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"
        proxy = self.objects(Rule("answer", "POST", "vmcore?uploadId", status=200, reason="OK", body=error))
        self.save(self.s3_conf(proxy.port), self.url("two-hundred"), *LARGE)
        self.same_pages(self.object("two-hundred/vmcore"), self.w.large)

    def test_stalled_part(self):
        proxy = self.objects(Rule("stall", "PUT", "partNumber=2", after=1 << 20, seconds=20))
        self.save(self.s3_conf(proxy.port), self.url(), *LARGE, "--network-timeout", "1")
        self.same_pages(self.object(self.name + "/vmcore"), self.w.large)

    def test_slow(self):
        proxy = self.objects(*[Rule("slow", "PUT", part, seconds=0.5) for part in ("partNumber=2", "partNumber=1")])
        self.save(self.s3_conf(proxy.port), self.url(), *LARGE)
        self.same_pages(self.object(self.name + "/vmcore"), self.w.large)

    def test_always(self):
        proxy = self.objects(Rule("answer", "PUT", "probe", times=99, status=500, reason="Oops"))
        self.fails(self.s3_conf(proxy.port), self.url(), "500 Oops")

    def test_parts_always(self):
        """The store fails in the middle for good: bounded by the deadline; nothing stays of the upload."""
        proxy = self.objects(Rule("answer", "PUT", "partNumber", times=999, status=500, reason="Oops"), Rule(**ABORTED))
        result = self.save(self.s3_conf(proxy.port), self.url(), *LARGE, "--deadline", "2", "--network-timeout", "1",
                           status=1)
        check("500 Oops" in result.stderr, result.stderr)
        same(self.objects_of(self.name), ["README.txt", "dmesg.txt"], "objects")
        check(b"could not be saved" in self.object(self.name + "/README.txt"), "note")

    def test_given_up(self):
        proxy = self.objects(Rule("answer", "PUT", "partNumber=1", times=9, status=403, reason="Forbidden",
                                  body=b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"),
                             Rule(**ABORTED))
        result = self.save(self.s3_conf(proxy.port), self.url(), *LARGE, status=1)
        check("403 Forbidden: AccessDenied: Access Denied" in result.stderr, result.stderr)
        aborts = [path for method, path in proxy.seen if method == "DELETE" and "uploadId" in path]
        check(aborts, "the upload was not aborted")

    def test_damaged_part(self):
        """What arrives damaged the store notices by the digest; a wrong ETag we notice."""
        proxy = self.objects(Rule("damage", "PUT", "partNumber=2"))
        self.save(self.s3_conf(proxy.port), self.url("damage"), *LARGE)
        same(proxy.rules[0].hits, 1, "rules")
        self.same_pages(self.object("damage/vmcore"), self.w.large)
        proxy = self.objects(Rule("fields", "PUT", "partNumber=2", fields={"ETag": '"%032d"' % 0}))
        self.save(self.s3_conf(proxy.port), self.url("etag"), *LARGE)
        same(proxy.rules[0].hits, 1, "rules")
        self.same_pages(self.object("etag/vmcore"), self.w.large)
        proxy = self.objects(Rule("fields", "PUT", "partNumber=2", times=99, fields={"ETag": '"%032d"' % 0}))
        # Nor does it give uploads up: what cannot be tidied up is told beside what went wrong.
        result = self.save(self.s3_conf(proxy.port), self.url("etags"), *LARGE, status=1)
        check("what arrives is not what was sent" in result.stderr, result.stderr)

    def test_verification(self):
        proxy = self.objects(Rule("fields", "HEAD", "vmcore", skip=1, times=9, fields={"Content-Length": "5"}))
        self.fails(self.s3_conf(proxy.port), self.url("v1"), "5 bytes arrived of", arguments=LARGE, status=3)
        proxy = self.objects(Rule("damage_answer", "GET", "vmcore"))
        self.fails(self.s3_conf(proxy.port), self.url("v2"), "what arrived is not what was sent", arguments=LARGE,
                   status=3)

    def test_clock(self):
        """The capture kernel's clock is wrong: the store's is taken."""
        error = b"<Error><Code>RequestTimeTooSkewed</Code><Message>Too large.</Message></Error>"
        proxy = self.objects(Rule("answer", "PUT", "probe", status=403, reason="Forbidden", body=error,
                                  fields={"Date": "Sat, 21 Nov 2020 10:00:00 GMT"}))
        result = self.save(self.s3_conf(proxy.port), self.url(), status=1)
        check("the clock differs from that of 127.0.0.1" in result.stderr, result.stderr)

    def test_region(self):
        error = b"<Error><Code>PermanentRedirect</Code><Message>Elsewhere.</Message></Error>"
        proxy = self.objects(Rule("answer", "PUT", "probe", status=301, reason="Moved", body=error,
                                  fields={"x-amz-bucket-region": "eu-north-1"}))
        self.fails(self.s3_conf(proxy.port), self.url(), "the bucket is in the region eu-north-1", "us-east-1")

    def long_parts_always(self):
        """Without a deadline the attempts have a bound of their own."""
        proxy = self.objects(Rule("answer", "PUT", "partNumber", times=999, status=500, reason="Oops"))
        result = self.save(self.s3_conf(proxy.port), self.url(), *LARGE, status=1)
        check("500 Oops" in result.stderr, result.stderr)


def one(world, cls, name):
    test = cls(world, name.split("_", 1)[1] + "_" + cls.__name__.lower())
    begun = time.monotonic()
    try:
        getattr(test, name)()
        return None
    except BaseException:  # pylint: disable=broad-except
        return traceback.format_exc()
    finally:
        test.close()
        shutil.rmtree(test.folder, ignore_errors=True)
        if "-v" in sys.argv:
            print("%6.1f s %s.%s" % (time.monotonic() - begun, cls.__name__, name), flush=True)


def main():
    global KDUMP  # pylint: disable=global-statement
    long = "--long" in sys.argv
    KDUMP, *wanted = [argument for argument in sys.argv[1:] if argument not in ("--long", "-v")]
    KDUMP = os.path.abspath(KDUMP)
    jobs = []
    if not os.path.exists(servers.S3RVER):
        print("left out: the tests of the object store, which tests/setup/npm-servers has not set up")
    for cls in (S3, Https) if os.path.exists(servers.S3RVER) else (Https,):
        for name in sorted(vars(cls)):
            if name.startswith("test_") or (long and name.startswith("long_")):
                if not wanted or any(part in "%s.%s" % (cls.__name__, name) for part in wanted):
                    jobs.append((cls, name))
    passed = failed = 0
    folder = tempfile.mkdtemp(prefix="kdump-http-")
    try:
        world = World(folder)
        # They wait more than they work.
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for (cls, name), wrong in zip(jobs, pool.map(lambda job: one(world, *job), jobs)):
                if wrong:
                    print("FAIL %s.%s\n%s" % (cls.__name__, name, wrong))
                passed, failed = passed + (not wrong), failed + bool(wrong)
        world.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
