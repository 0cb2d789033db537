"""Counts the CTAPHID packets of python-fido2 for the work that the station does on a key: the peer for docs/benchmarks.md.

usage: target/venv/bin/python tests/bench/peer_packets.py
"""

import hashlib
import re
import socket
import subprocess

from fido2.ctap2 import ClientPin, Ctap2
from fido2.hid import CtapHidDevice
from fido2.hid.base import CtapHidConnection, HidDescriptor

PIN = "73915082"


class Counted(CtapHidConnection):
    def __init__(self, port):
        self.packets = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(35)
        self.socket.connect(("127.0.0.1", port))

    def read_packet(self):
        self.packets += 1
        return self.socket.recv(64)

    def write_packet(self, data):
        self.packets += 1
        self.socket.send(data.ljust(64, b"\0"))

    def close(self):
        self.socket.close()


server = subprocess.Popen(["target/debug/bench", "serve", "--key", "opensk", "--listen", "127.0.0.1:0"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
connection = Counted(int(re.search(r"127\.0\.0\.1:(\d+)", server.stdout.readline()).group(1)))
device = CtapHidDevice(HidDescriptor("udp", 1, 2, 64, 64, "key", "key"), connection)
key = Ctap2(device)  # getInfo
key.reset()
pin = ClientPin(key)
pin.set_pin(PIN)
pin.get_pin_retries()
token = pin.get_pin_token(PIN, ClientPin.PERMISSION.MAKE_CREDENTIAL, "identity.glasskey.invalid")
challenge = hashlib.sha256(b"challenge").digest()
key.make_credential(
    challenge, {"id": "identity.glasskey.invalid", "name": "Glasskey"}, {"id": b"8WKGKF", "name": "8WKGKF"},
    [{"type": "public-key", "alg": -7}], pin_uv_param=pin.protocol.authenticate(token, challenge),
    pin_uv_protocol=pin.protocol.VERSION,
)
print(f"python-fido2: {connection.packets} CTAPHID packets for getInfo, reset, PIN, retries, token, credential")
server.stdin.close()
server.wait(10)
