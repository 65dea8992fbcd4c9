"""Takes the matrix's steps with AsyncSSH."""
import asyncio
import os
import sys
import warnings

warnings.simplefilter("ignore")  # of the library for ciphers, which it offers as well
import asyncssh

host, port, user, password, known_hosts = sys.argv[1:]
block = 1 << 18


async def reput(sftp, local, remote):
    at = (await sftp.stat(remote)).size
    with open(local, "rb") as src:
        src.seek(at)
        async with sftp.open(remote, "r+b") as dst:
            while data := src.read(block):
                await dst.write(data, at)
                at += len(data)


async def reget(sftp, remote, local):
    at = os.path.getsize(local)
    with open(local, "ab") as dst:
        async with sftp.open(remote, "rb") as src:
            while data := await src.read(block, at):
                dst.write(data)
                at += len(data)


async def ls(sftp, path, _):
    print("\n".join(await sftp.listdir(path)))


verbs = {
    "put": lambda sftp, a, b: sftp.put(a, b),
    "get": lambda sftp, a, b: sftp.get(a, b),
    "reput": reput,
    "reget": reget,
    "ls": ls,
    "mv": lambda sftp, a, b: sftp.rename(a, b),
    "rm": lambda sftp, a, _: sftp.remove(a),
    "mkdir": lambda sftp, a, _: sftp.mkdir(a),
    "ln": lambda sftp, a, b: sftp.symlink(a, b),
}


async def take():
    async with asyncssh.connect(host, int(port), username=user, password=password, known_hosts=known_hosts,
                                client_keys=None, config=None) as ssh, ssh.start_sftp_client() as sftp:
        for line in sys.stdin.buffer.read().decode().splitlines():
            verb, a, b = line.split("\t")
            await verbs[verb](sftp, a, b)


asyncio.run(take())
