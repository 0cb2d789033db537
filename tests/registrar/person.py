#!/usr/bin/env python3
"""The person at the registrar's laptop, and the browser before him: signs in and uses the plugged-in security key.

It follows the sign-in and security-info pages of the sandbox tenant. The client is python-fido2, which shares no code with Glasskey.
No secret is an argument: the Temporary Access Pass and the PIN are lines of standard input.
"""

import argparse
import json
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from fido2.client import ClientError, DefaultClientDataCollector, Fido2Client, UserInteraction
from fido2.ctap import CtapError
from fido2.ctap2 import Ctap2
from fido2.hid import CtapHidDevice, list_descriptors, open_connection
from fido2.hid.base import CtapHidConnection, HidDescriptor

ANSWER_LIMIT = 1 << 20


class Refusal(Exception):
    """What went wrong, as a sentence for the terminal."""


class Page:
    """The web pages: JSON by POST, with the session once there is one."""

    def __init__(self, base: str):
        self.base = base.rstrip("/")
        self.session = None
        # The page is on this machine: no proxy of the environment gets between.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def post(self, path: str, body: dict) -> dict:
        headers = {"Content-Type": "application/json"}
        if self.session:
            headers["Authorization"] = f"Bearer {self.session}"
        request = urllib.request.Request(self.base + path, json.dumps(body).encode(), headers, method="POST")
        try:
            with self.opener.open(request, timeout=60) as answer:
                text = answer.read(ANSWER_LIMIT)
        except urllib.error.HTTPError as error:
            raise Refusal(f"{path} was refused with status {error.code}: {reason(error.read(ANSWER_LIMIT))}") from None
        except OSError as error:
            raise Refusal(f"{path} was not reached: {error}") from None
        try:
            return json.loads(text) if text else {}
        except ValueError:
            raise Refusal(f"{path} answered with something that is not JSON.") from None


def reason(text: bytes) -> str:
    try:
        error = json.loads(text)["error"]
        return f"{error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace")[:200]


class Person(UserInteraction):
    """Types the PIN once and touches the key when it asks."""

    def __init__(self, pin: str):
        self.pin = pin

    def prompt_up(self):
        print("The key wants a touch.", file=sys.stderr)

    def request_pin(self, permissions, rp_id):
        if self.pin is None:
            # The client asks again after a wrong PIN; a second try would only cost the key another of its tries.
            raise Refusal("The key did not accept the PIN.")
        pin, self.pin = self.pin, None
        return pin

    def request_uv(self, permissions, rp_id):
        return True


class UdpConnection(CtapHidConnection):
    """A virtual key behind a UDP port, one report per packet."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(35)
        self.socket.connect(address)

    def read_packet(self):
        return self.socket.recv(64)

    def write_packet(self, data):
        self.socket.send(data.ljust(64, b"\0"))

    def close(self):
        self.socket.close()


def find_key(options) -> CtapHidDevice:
    """The only key that is plugged in, or the one that was named, as soon as it is there."""
    if options.udp:
        host, port = options.udp.rsplit(":", 1)
        return CtapHidDevice(HidDescriptor("udp", 1, 2, 64, 64, "virtual key", None), UdpConnection((host, int(port))))
    end = time.monotonic() + options.wait
    while True:
        found = [key for key in list_descriptors() if options.hidraw in (None, key.path)]
        if len(found) > 1:
            names = ", ".join(str(key.path) for key in found)
            raise Refusal(f"More than one security key is plugged in; name one with --hidraw: {names}")
        if found:
            return CtapHidDevice(found[0], open_connection(found[0]))
        if time.monotonic() > end:
            raise Refusal(f"No security key appeared within {options.wait:g} s.")
        time.sleep(0.25)


def client(options, origin: str, pin: str) -> Fido2Client:
    key = find_key(options)
    info = Ctap2(key).info
    if not info.options.get("clientPin"):
        raise Refusal("The key has no PIN: it was not prepared at the station.")
    return Fido2Client(key, DefaultClientDataCollector(origin), Person(pin))


def register(options, page: Page):
    page.session = page.post(
        "/signin", {"userPrincipalName": options.upn, "temporaryAccessPass": options.temporary_access_pass}
    )["session"]
    begun = page.post("/security-info/passkey/begin", {})
    wanted = begun["publicKey"].get("authenticatorSelection", {})
    if wanted.get("userVerification") != "required" or not (
        wanted.get("residentKey") == "required" or wanted.get("requireResidentKey")
    ):
        raise Refusal("The page did not ask for a discoverable credential with user verification.")
    credential = client(options, begun["origin"], options.pin).make_credential(begun["publicKey"])
    finished = page.post(
        "/security-info/passkey/finish", {"displayName": options.display_name, "credential": dict(credential)}
    )
    print(json.dumps({"id": finished["id"], "credentialId": dict(credential)["id"]}))


def sign_in(options, page: Page):
    begun = page.post("/signin/passkey/begin", {"userPrincipalName": options.upn})
    selection = client(options, begun["origin"], options.pin).get_assertion(begun["publicKey"])
    response = selection.get_response(0)
    page.post("/signin/passkey/finish", {"credential": dict(response)})
    print(json.dumps({"credentialId": dict(response)["id"]}))


def line(what: str) -> str:
    text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise Refusal(f"Standard input holds no line for the {what}.")
    return text


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--base", required=True, help="the sandbox tenant, such as http://127.0.0.1:8080")
    shared.add_argument("--upn", required=True, help="the account's user name")
    shared.add_argument("--hidraw", help="the key's device node (default: the only key there is)")
    shared.add_argument("--udp", help="a virtual key at HOST:PORT instead of a USB key")
    shared.add_argument("--wait", type=float, default=30, help="seconds to wait for a key (default: 30)")
    one = commands.add_parser(
        "register", parents=[shared], help="sign in with a Temporary Access Pass and add the key; stdin: the pass, then the PIN"
    )
    one.add_argument("--tap-file", type=Path, help="read the pass from this file; stdin then holds the PIN alone")
    one.add_argument("--display-name", required=True, help="the name of the key in the account")
    one.set_defaults(work=register)
    two = commands.add_parser("sign-in", parents=[shared], help="sign in with the key; stdin: the PIN")
    two.set_defaults(work=sign_in)
    return parser.parse_args()


def main() -> int:
    options = arguments()
    try:
        if options.work is register:
            options.temporary_access_pass = options.tap_file.read_text().strip() if options.tap_file else line("pass")
        options.pin = line("PIN")
        options.work(options, Page(options.base))
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 1
    except KeyError as missing:
        print(f"error: The page's answer has no member {missing}.", file=sys.stderr)
        return 1
    except (ClientError, CtapError) as error:
        print(f"error: The key refused: {error!r}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: The key or a file could not be used: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
