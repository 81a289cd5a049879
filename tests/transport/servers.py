# SPDX-License-Identifier: GPL-2.0-or-later
"""Real servers on loopback: nginx with its dav module over TLS, the object store s3rver; and certificates for them."""
import os
import socket
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NGINX = os.path.join(TOP, "build/pkg/nginx_amd64/usr/sbin/nginx")
S3RVER = os.path.join(TOP, "build/npm/node_modules/s3rver/bin/s3rver.js")
# What s3rver accepts, in its own words.
S3_KEY = S3_SECRET = "S3RVER"
USER, PASSWORD, TOKEN = "kdump", "secret with blanks", "abc.def-0123"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_for(port, process):
    for _ in range(400):
        if process.poll() is not None:
            raise RuntimeError("%s has stopped with status %d" % (process.args[0], process.returncode))
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("%s does not listen" % process.args[0])


class Certificates:
    """good: for 127.0.0.1 and localhost; other_name: for another; expired; strange: of a CA that nobody trusts."""

    def __init__(self, folder):
        self.folder = folder
        os.mkdir(folder)
        for ca in ("ca", "strange_ca"):
            self.openssl("req", "-x509", *self.new_key(ca), "-out", self.path(ca + ".pem"), "-days", "30", "-subj",
                         "/CN=" + ca)
        with open(self.path("ca.cnf"), "w", encoding="ascii") as out:
            out.write("[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=%s\ndatabase=%s\nserial=%s\ndefault_md=sha256\n"
                      "policy=p\ncopy_extensions=copy\nunique_subject=no\n[p]\ncommonName=supplied\n" %
                      (folder, self.path("index.txt"), self.path("serial")))
        for name, content in (("index.txt", ""), ("serial", "1000\n")):
            with open(self.path(name), "w", encoding="ascii") as out:
                out.write(content)
        self.ca = self.path("ca.pem")
        self.good = self.make("good", "IP:127.0.0.1,DNS:localhost")
        self.other_name = self.make("other_name", "DNS:elsewhere.example")
        self.expired = self.make("expired", "IP:127.0.0.1", dates=("200101000000Z", "200201000000Z"))
        self.strange = self.make("strange", "IP:127.0.0.1", ca="strange_ca")

    def path(self, name):
        return os.path.join(self.folder, name)

    def new_key(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.path(name + ".key"))

    @staticmethod
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def make(self, name, names, ca="ca", dates=None):
        self.openssl("req", *self.new_key(name), "-out", self.path(name + ".csr"), "-subj", "/CN=" + name, "-addext",
                     "subjectAltName=" + names)
        dates = ("-startdate", dates[0], "-enddate", dates[1]) if dates else ("-days", "10")
        self.openssl("ca", "-batch", "-config", self.path("ca.cnf"), "-cert", self.path(ca + ".pem"), "-keyfile",
                     self.path(ca + ".key"), "-in", self.path(name + ".csr"), "-out", self.path(name + ".pem"),
                     "-notext", *dates)
        return self.path(name + ".pem"), self.path(name + ".key")


class Server:
    def __init__(self, folder, command):
        self.log = open(os.path.join(folder, "log"), "wb")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        wait_for(self.port, self.process)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


NGINX_CONF = """
daemon off;
master_process off;
pid %(folder)s/pid;
error_log %(folder)s/error.log;
events {}
http {
    access_log off;
    client_max_body_size 0;
    client_body_temp_path %(folder)s/body;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
    server {
        listen 127.0.0.1:%(port)d ssl;
        ssl_certificate %(certificate)s;
        ssl_certificate_key %(key)s;
        %(locations)s
    }
    server {
        listen 127.0.0.1:%(plain_port)d;
        %(locations)s
    }
}
"""

LOCATIONS = """
        root %(folder)s/data;
        dav_methods PUT DELETE MKCOL MOVE;
        dav_access user:rw;
        location / { }
        location /user/ { auth_basic kdump; auth_basic_user_file %(folder)s/users; }
        location /token/ { if ($http_authorization != "Bearer %(token)s") { return 401; } }
        location /small/ { client_max_body_size 64k; }
        location /readonly/ { dav_methods off; }
        location /putonly/ { dav_methods PUT; limit_except PUT { deny all; } }
        location /norename/ { dav_methods PUT; }
        location /away/ { return 307 https://127.0.0.1:%(port)d/there$request_uri; }
        location /plain/ { return 307 http://127.0.0.1:%(plain_port)d/there$request_uri; }
        location /circle/ { return 307 https://127.0.0.1:%(port)d$request_uri; }
        location /forbidden/ { return 403; }
"""


class Nginx(Server):
    def __init__(self, folder, certificate):
        self.port, self.plain_port = free_port(), free_port()
        self.data = os.path.join(folder, "data")
        os.mkdir(folder)
        os.mkdir(self.data)
        for name in ("user", "token", "small", "putonly", "norename", "there"):
            os.mkdir(os.path.join(self.data, name))
        with open(os.path.join(folder, "users"), "w", encoding="ascii") as out:
            out.write("%s:{PLAIN}%s\n" % (USER, PASSWORD))
        values = {"folder": folder, "certificate": certificate[0], "key": certificate[1], "port": self.port,
                  "plain_port": self.plain_port, "token": TOKEN}
        with open(os.path.join(folder, "conf"), "w", encoding="ascii") as out:
            out.write(NGINX_CONF % {**values, "locations": LOCATIONS % values})
        super().__init__(folder, [NGINX, "-c", os.path.join(folder, "conf"), "-p", folder, "-e",
                                  os.path.join(folder, "error.log")])


class ObjectStore(Server):
    def __init__(self, folder, certificate=None):
        os.mkdir(folder)
        self.data, self.port = os.path.join(folder, "data"), free_port()
        os.mkdir(self.data)
        tls = ["--cert", certificate[0], "--key", certificate[1]] if certificate else []
        super().__init__(folder, ["node", S3RVER, "-d", self.data, "-a", "127.0.0.1", "-p", str(self.port), "-s",
                                  "--no-vhost-buckets", "--configure-bucket", "crashes", *tls])
