"""Takes the matrix's steps with paramiko."""
import os
import shutil
import sys

import paramiko

host, port, user, password, known_hosts = sys.argv[1:]
ssh = paramiko.SSHClient()
ssh.load_host_keys(known_hosts)
ssh.set_missing_host_key_policy(paramiko.RejectPolicy())
ssh.connect(host, int(port), user, password, allow_agent=False, look_for_keys=False, timeout=30)
sftp = ssh.open_sftp()


def reput(local, remote):
    with open(local, "rb") as src, sftp.open(remote, "r+b") as dst:
        at = dst.stat().st_size
        src.seek(at)
        dst.seek(at)
        dst.set_pipelined(True)
        shutil.copyfileobj(src, dst, 1 << 18)


def reget(remote, local):
    with sftp.open(remote, "rb") as src, open(local, "ab") as dst:
        src.seek(os.path.getsize(local))
        shutil.copyfileobj(src, dst, 1 << 18)


verbs = {
    "put": sftp.put,
    "get": sftp.get,
    "reput": reput,
    "reget": reget,
    "ls": lambda path, _: print("\n".join(sftp.listdir(path))),
    "mv": sftp.rename,
    "rm": lambda path, _: sftp.remove(path),
    "mkdir": lambda path, _: sftp.mkdir(path),
    "ln": sftp.symlink,
}
for line in sys.stdin.buffer.read().decode().splitlines():
    verb, a, b = line.split("\t")
    verbs[verb](a, b)
ssh.close()
