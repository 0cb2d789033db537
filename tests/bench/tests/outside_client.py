"""A key's life as python-fido2 sees it, over the UDP bridge.

Usage: outside_client.py HOST PORT CYCLE_HEX ROOT_DER_HEX AAGUID_HEX life|foreign

With `foreign`, the attestation certificate is one of another model and must be refused.
"""

import hashlib
import socket
import sys

from fido2.attestation import InvalidData, InvalidSignature, PackedAttestation
from fido2.attestation.base import verify_x509_chain
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Config, Ctap2
from fido2.hid import CtapHidDevice
from fido2.hid.base import CtapHidConnection, HidDescriptor

PIN = "grüne Wiese 7"


class UdpConnection(CtapHidConnection):
    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(address)
        self.socket.settimeout(35)

    def read_packet(self):
        return self.socket.recv(64)

    def write_packet(self, data):
        self.socket.send(data.ljust(64, b"\0"))

    def close(self):
        self.socket.close()


def refused(status, action):
    try:
        action()
    except CtapError as error:
        assert error.code == status, f"expected {status!r}, got {error.code!r}"
        return
    raise AssertionError(f"expected {status!r}, but it succeeded")


def connect(address):
    return Ctap2(CtapHidDevice(HidDescriptor("udp", 1, 2, 64, 64, "k", "s"), UdpConnection(address)))


def power_cycle(address, datagram):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(datagram.ljust(64, b"\0"), address)
    return connect(address)


def make_credential(ctap, token, protocol, challenge):
    digest = hashlib.sha256(challenge).digest()
    attestation = ctap.make_credential(
        digest,
        {"id": "login.example", "name": "Login"},
        {"id": b"user", "name": "ghost", "displayName": "Ghost"},
        [{"type": "public-key", "alg": -7}],
        options={"rk": True},
        pin_uv_param=protocol.authenticate(token, digest),
        pin_uv_protocol=protocol.VERSION,
    )
    return attestation, digest


def life(address, cycle, root, aaguid, version):
    ctap = power_cycle(address, cycle)
    info = ctap.info
    assert bytes(info.aaguid) == aaguid, info.aaguid
    assert info.options["clientPin"] is False
    assert {"FIDO_2_0", "FIDO_2_1"} <= set(info.versions)

    protocol = {1: ClientPin.PROTOCOLS[1], 2: ClientPin.PROTOCOLS[0]}[version]()
    assert protocol.VERSION == version
    client_pin = ClientPin(ctap, protocol)
    client_pin.set_pin(PIN)
    refused(CtapError.ERR.PIN_INVALID, lambda: client_pin.get_pin_token("wrong"))
    assert client_pin.get_pin_retries()[0] == 7
    token = client_pin.get_pin_token(PIN, ClientPin.PERMISSION.MAKE_CREDENTIAL, "login.example")
    attestation, digest = make_credential(ctap, token, protocol, b"challenge")
    assert attestation.fmt == "packed"
    result = PackedAttestation().verify(attestation.att_stmt, attestation.auth_data, digest)
    assert bytes(attestation.auth_data.credential_data.aaguid) == aaguid
    assert attestation.auth_data.is_user_verified()
    verify_x509_chain(result.trust_path + [root])
    try:
        PackedAttestation().verify(attestation.att_stmt, attestation.auth_data, b"\0" * 32)
        raise AssertionError("a foreign challenge was accepted")
    except InvalidSignature:
        pass

    token = client_pin.get_pin_token(PIN, ClientPin.PERMISSION.AUTHENTICATOR_CFG)
    Config(ctap, protocol, token).set_min_pin_length(8)
    assert ctap.get_info().min_pin_length == 8

    ctap = power_cycle(address, cycle)
    ctap.reset()
    info = ctap.get_info()
    assert info.options["clientPin"] is False
    assert info.min_pin_length == 4


def foreign(address, cycle):
    ctap = power_cycle(address, cycle)
    protocol = ClientPin.PROTOCOLS[0]()
    client_pin = ClientPin(ctap, protocol)
    client_pin.set_pin(PIN)
    token = client_pin.get_pin_token(PIN, ClientPin.PERMISSION.MAKE_CREDENTIAL, "login.example")
    attestation, digest = make_credential(ctap, token, protocol, b"challenge")
    try:
        PackedAttestation().verify(attestation.att_stmt, attestation.auth_data, digest)
    except InvalidData:
        return
    raise AssertionError("a certificate of another model was accepted")


def main():
    host, port, cycle, root, aaguid, act = sys.argv[1:]
    address = (host, int(port))
    root = bytes.fromhex(root)
    if act == "foreign":
        return foreign(address, bytes.fromhex(cycle))
    for version in (2, 1):
        life(address, bytes.fromhex(cycle), root, bytes.fromhex(aaguid), version)


main()
