"""Takes the matrix's steps with ftplib."""
import ftplib
import os
import ssl
import sys

host, port, user, password, transport, mode, ca = sys.argv[1:]
if transport == "plain":
    ftp = ftplib.FTP(timeout=30)
else:
    ftp = ftplib.FTP_TLS(context=ssl.create_default_context(cafile=ca), timeout=30)
ftp.connect(host, int(port))
ftp.login(user, password)
if transport != "plain":
    ftp.prot_p()
ftp.set_pasv(mode == "passive")

BLOCK = 1 << 18


def store(local, remote, rest=None):
    with open(local, "rb") as f:
        f.seek(rest or 0)
        ftp.storbinary("STOR " + remote, f, BLOCK, rest=rest)


def retrieve(remote, local, how, rest=None):
    with open(local, how) as f:
        ftp.retrbinary("RETR " + remote, f.write, BLOCK, rest=rest)


def abort(remote, _):
    """Gives a download up after its first bytes."""
    data = ftp.transfercmd("RETR " + remote)
    data.recv(1000)
    ftp.abort()
    data.close()
    ftp.voidresp()


verbs = {
    "abort": abort,
    "put": store,
    "get": lambda remote, local: retrieve(remote, local, "wb"),
    "reput": lambda local, remote: store(local, remote, ftp.size(remote)),
    "reget": lambda remote, local: retrieve(remote, local, "ab", os.path.getsize(local)),
    "ls": lambda path, _: print("\n".join(name for name, _ in ftp.mlsd(path))),
    "mv": ftp.rename,
    "rm": lambda path, _: ftp.delete(path),
    "mkdir": lambda path, _: ftp.mkd(path),
}
ftp.voidcmd("TYPE I")
for line in sys.stdin.buffer.read().decode().splitlines():
    verb, a, b = line.split("\t")
    verbs[verb](a, b)
ftp.quit()
