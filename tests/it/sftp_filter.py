"""Stands between sshd and OpenSSH's sftp-server, as the subsystem `sftp`, and makes it another server.

usage: sftp_filter.py MODE...
  no-extensions       none are offered, and none are understood
  careless-rename     a plain rename replaces what is there
  no-setstat          times and modes cannot be set
  full-after=BYTES    writes fail after so many bytes, as on a full disk
  denied-after=N      nothing may be made or renamed any more after so many files
  nonsense            after 40 answers, what comes is no SFTP
  slow-shuffle        answers of one burst come in another order
"""

import os
import struct
import subprocess
import sys
import threading

SERVER = "/usr/lib/openssh/sftp-server"
OPEN, MKDIR = 3, 14
VERSION, WRITE, SETSTAT, FSETSTAT, RENAME = 2, 6, 9, 10, 18
STATUS, EXTENDED = 101, 200
modes = sys.argv[1:]
full_after = next((int(mode.split("=")[1]) for mode in modes if mode.startswith("full-after=")), None)
denied_after = next((int(mode.split("=")[1]) for mode in modes if mode.startswith("denied-after=")), None)
server = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
out_lock = threading.Lock()


def read_packet(stream):
    head = stream.read(4)
    if len(head) < 4:
        return None
    return stream.read(struct.unpack(">I", head)[0])


def send(stream, packet):
    stream.write(struct.pack(">I", len(packet)) + packet)
    stream.flush()


def answer(packet, code, message):
    text = message.encode()
    status = bytes([STATUS]) + packet[1:5] + struct.pack(">II", code, len(text)) + text + struct.pack(">I", 0)
    with out_lock:
        send(sys.stdout.buffer, status)


def requests():
    written = opened = 0
    while (packet := read_packet(sys.stdin.buffer)) is not None:
        kind = packet[0]
        if kind == EXTENDED and "no-extensions" in modes:
            answer(packet, 8, "Operation unsupported")
            continue
        if kind in (SETSTAT, FSETSTAT) and "no-setstat" in modes:
            answer(packet, 3, "Permission denied")
            continue
        if kind == WRITE and full_after is not None:
            written += len(packet)
            if written > full_after:
                answer(packet, 4, "Failure")
                continue
        if kind in (OPEN, MKDIR, RENAME) and denied_after is not None:
            opened += kind == OPEN
            if opened > denied_after:
                answer(packet, 3, "Permission denied")
                continue
        if kind == RENAME and "careless-rename" in modes:
            packet = bytes([EXTENDED]) + packet[1:5] + struct.pack(">I", 24) + b"posix-rename@openssh.com" + packet[5:]
        send(server.stdin, packet)
    server.stdin.close()


def answers():
    n = 0
    while (packet := read_packet(server.stdout)) is not None:
        n += 1
        if packet[0] == VERSION and "no-extensions" in modes:
            packet = packet[:5]
        if "nonsense" in modes and n > 40:
            packet = b"\xff" * 4096
        if "slow-shuffle" in modes and n % 3 == 0 and n > 3:
            late.append(packet)
            threading.Timer(0.01, release).start()
            continue
        with out_lock:
            send(sys.stdout.buffer, packet)


late = []


def release():
    with out_lock:
        send(sys.stdout.buffer, late.pop())


threading.Thread(target=requests, daemon=True).start()
answers()
os._exit(0)
