"""Prints the SHA-256 of a file; sha256sum takes several times as long."""
import hashlib
import sys

with open(sys.argv[1], "rb") as f:
    print(hashlib.file_digest(f, "sha256").hexdigest())
