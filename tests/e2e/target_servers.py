#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Servers for dumps of guests: sshd, nginx, an object store behind a proxy, NFS. target_servers.py FOLDER KIND... starts
them, in a mount namespace of its own (tests/transport/sshd.py), says what there is in a line of JSON, and then does
what each line of standard input asks for, with a line as its answer: {"do": "stop" | "start" | "seen" | "rule", ...}.
When that closes, they are gone.
Class Servers is the other side.
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TRANSPORT = os.path.join(os.path.dirname(HERE), "transport")
ADDRESS = "10.0.2.100"  # where a guest finds them


def forward(port, to, address=ADDRESS):
    """An argument of QEMU's user network. TO: a port of this machine, or "hang"."""
    return f"guestfwd=tcp:{address}:{port}-cmd:{sys.executable} {HERE}/forward.py {to}"


class Servers:
    """Use it in a with statement. self.facts: ports, folders and files, by the names that serve() gives them."""

    def __init__(self, folder, *kinds):
        self.folder, self.kinds = folder, kinds

    def __enter__(self):
        command = [sys.executable, os.path.join(HERE, "target_servers.py"), self.folder, *self.kinds]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.facts = self.answer()
        except BaseException:
            self.__exit__()
            raise
        return self

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise OSError("the servers are gone")
        return json.loads(line)

    def ask(self, do, **more):
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


GANESHA = """
NFS_CORE_PARAM { NFS_Port = %(port)d; Bind_addr = 127.0.0.1; Protocols = 4; Enable_NLM = false;
    Enable_RQUOTA = false; Plugins_Dir = "%(plugins)s"; }
NFSV4 { Graceless = true; RecoveryBackend = fs;
    RecoveryRoot = "%(folder)s/recovery"; Only_Numeric_Owners = true; UseGetpwnam = true; }
EXPORT_DEFAULTS { Access_Type = RW; Squash = No_Root_Squash; SecType = sys; Protocols = 4; Transports = TCP; }
EXPORT { Export_Id = 1; Path = "%(data)s"; Pseudo = "/crash"; FSAL { Name = VFS; } }
LOG { Default_Log_Level = EVENT; }
"""
GANESHA_PACKAGES = ("nfs-ganesha", "nfs-ganesha-vfs", "libntirpc4.3", "liburcu8", "libnfsidmap1", "libwbclient0",
                    "samba-libs", "libldap-2.5-0")


class Ganesha:
    """NFSv4 by a program of user space; one port, and no portmapper."""

    def __init__(self, folder):
        import sshd
        import servers
        top = os.path.dirname(os.path.dirname(HERE))
        names = [f"{name}:amd64" for name in GANESHA_PACKAGES]
        subprocess.run([f"{top}/tests/setup/fetch", *names], check=True, stdout=subprocess.DEVNULL)
        self.port, self.data = servers.free_port(), f"{folder}/export"
        os.makedirs(self.data)
        os.makedirs(f"{folder}/recovery")
        plugins = sshd.package("nfs-ganesha-vfs", "usr/lib/x86_64-linux-gnu/ganesha")
        with open(f"{folder}/conf", "w", encoding="ascii") as out:
            out.write(GANESHA % {"port": self.port, "plugins": plugins, "folder": folder, "data": self.data})
        trees = [tree for name in GANESHA_PACKAGES for tree in os.walk(sshd.package(name, "usr/lib"))]
        libraries = sorted({base for base, _, files in trees if any(".so" in file for file in files)})
        command = [sshd.package("nfs-ganesha", "usr/bin/ganesha.nfsd"), "-F"]
        command += ["-f", f"{folder}/conf", "-p", f"{folder}/pid", "-L", f"{folder}/log"]
        environment, nothing = dict(os.environ, LD_LIBRARY_PATH=":".join(libraries)), subprocess.DEVNULL
        self.process = subprocess.Popen(command, env=environment, stdin=nothing, stdout=nothing, stderr=nothing)
        servers.wait_for(self.port, self.process)

    def stop(self):
        self.process.kill()
        self.process.wait()


def serve(folder, kinds):
    import fault_proxy
    import servers
    import sshd
    facts, running, proxy, ssh = {}, [], None, None
    if "ssh" in kinds:
        ssh = sshd.Sshd(folder)
        # propagate adds its key where ssh looks for keys by itself, and comes with another one.
        os.mkdir(ssh.path(".ssh"), 0o700)
        os.chown(ssh.path(".ssh"), sshd.UID, sshd.UID)
        keyword = "AuthorizedKeysFile "
        ssh.write("sshd_config", ssh.read("sshd_config").replace(keyword, keyword + ".ssh/authorized_keys "))
        running.append(ssh.start())
        facts["ssh"] = {"port": ssh.port, "user": sshd.USER, "served": ssh.served, "key": ssh.path("user"),
                        "host": ssh.read("host.pub"), "other": ssh.read("other-host.pub")}
    if "https" in kinds or "s3" in kinds:
        certificates = servers.Certificates(os.path.join(folder, "certificates"))
        pair = certificates.make("guest", f"IP:{ADDRESS},DNS:web.example")
        facts["ca"] = certificates.ca
    if "https" in kinds:
        running.append(servers.Nginx(os.path.join(folder, "nginx"), pair))
        web = fault_proxy.Proxy(running[-1].plain_port, pair)
        facts["https"] = {"port": running[-1].port, "data": running[-1].data, "proxy": web.port}
    if "s3" in kinds:
        running.append(servers.ObjectStore(os.path.join(folder, "store")))
        proxy = fault_proxy.Proxy(running[-1].port, pair, servers.S3_SECRET)
        facts["s3"] = {"port": proxy.port, "data": running[-1].data + "/crashes", "key": servers.S3_KEY,
                       "secret": servers.S3_SECRET}
    if "nfs" in kinds:
        running.append(Ganesha(os.path.join(folder, "nfs")))
        facts["nfs"] = {"port": running[-1].port, "data": running[-1].data}

    def rule(server, action, **more):
        {"s3": proxy, "https": web}[server].rules.append(fault_proxy.Rule(action, **more))

    print(json.dumps(facts), flush=True)
    acts = {"stop": lambda: ssh.stop(), "start": lambda: ssh.start() and None, "seen": lambda: proxy.seen,
            "rule": rule}
    try:
        for line in sys.stdin:
            request = json.loads(line)
            print(json.dumps(acts[request.pop("do")](**request)), flush=True)
    finally:
        for one in running:
            one.stop()


def main():
    sys.path[:0] = [TRANSPORT, os.path.dirname(HERE)]
    import sshd
    sshd.enter()
    serve(sys.argv[1], sys.argv[2:])


if __name__ == "__main__":
    main()
