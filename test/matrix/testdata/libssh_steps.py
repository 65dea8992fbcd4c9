"""Takes the matrix's steps with libssh, as far as they are about names."""
import ctypes
import sys

host, port, user, password, known_hosts = sys.argv[1:]
HOST, PORT, USER, KNOWNHOSTS, GLOBAL_KNOWNHOSTS = 0, 1, 4, 8, 35  # of enum ssh_options_e
lib = ctypes.CDLL("libssh.so.4")
for name in ("ssh_new", "sftp_new"):
    getattr(lib, name).restype = ctypes.c_void_p
lib.ssh_get_error.restype = ctypes.c_char_p
ssh = ctypes.c_void_p(lib.ssh_new())


def check(result):
    if result != 0:
        sys.exit(lib.ssh_get_error(ssh).decode())


for option, value in ((HOST, host), (USER, user), (KNOWNHOSTS, known_hosts), (GLOBAL_KNOWNHOSTS, "/dev/null")):
    check(lib.ssh_options_set(ssh, option, value.encode()))
check(lib.ssh_options_set(ssh, PORT, ctypes.byref(ctypes.c_uint(int(port)))))
check(lib.ssh_connect(ssh))
check(lib.ssh_session_is_known_server(ssh) - 1)
check(lib.ssh_userauth_password(ssh, None, password.encode()))
sftp = ctypes.c_void_p(lib.sftp_new(ssh))
check(lib.sftp_init(sftp))
verbs = {
    "mv": lambda a, b: lib.sftp_rename(sftp, a, b),
    "rm": lambda a, _: lib.sftp_unlink(sftp, a),
    "mkdir": lambda a, _: lib.sftp_mkdir(sftp, a, 0o755),
    "ln": lambda a, b: lib.sftp_symlink(sftp, a, b),
}
for line in sys.stdin.buffer.read().splitlines():
    verb, a, b = line.split(b"\t")
    check(verbs[verb.decode()](a, b))
lib.ssh_disconnect(ssh)
