"""An independent look at what a rehearsal left: nothing here is shared with Glasskey but the formats it documents."""

import base64
import hashlib
import json
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Ctap2
from fido2.hid import CtapHidDevice
from fido2.hid.base import CtapHidConnection, HidDescriptor
from jwcrypto import jwk, jws

import rehearsal_transcript as transcript

ROOT = Path(sys.argv[1])
GLASSKEY = "target/debug/glasskey"
BENCH = "target/debug/bench"
NOBODY = "nobody@contoso.onmicrosoft.com"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
results = []


def check(what, holds):
    results.append(bool(holds))
    print("PASS" if holds else "FAIL", what, flush=True)


def run(*arguments, **options):
    return subprocess.run(arguments, capture_output=True, check=False, timeout=120, **options)


def b64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def age(path, identity):
    return run("age", "--decrypt", "--identity", str(identity), str(path))


def open_manifest():
    """Stock age and a JOSE library of another language."""
    opened = age(MANIFEST, ROOT / "identity.txt")
    check("stock age opens the manifest", opened.returncode == 0)
    token = jws.JWS()
    token.deserialize(opened.stdout.decode())
    key = jwk.JWK(**token.jose_header["jwk"])
    token.verify(key)
    check("a JOSE library verifies its signature", token.is_valid)
    other = jws.JWS()
    other.deserialize(opened.stdout.decode())
    try:
        other.verify(jwk.JWK.generate(kty="OKP", crv="Ed25519"))
        refused = False
    except jws.InvalidJWSSignature:
        refused = True
    check("and refuses it for another key", refused)
    thumbprint = b64url(key.thumbprint()).hex()
    check("the signer is the station whose fingerprint is on the record", thumbprint == FINGERPRINT)
    check("its key id is that thumbprint", token.jose_header["kid"] == key.thumbprint())
    return json.loads(token.payload)


def check_recipients(payload):
    public = re.search(r"public key: (age1\S+)", (ROOT / "identity.txt").read_text()).group(1)
    check("the payload names the recipient", payload["recipients"] == [public])
    with tempfile.TemporaryDirectory() as folder:
        stranger = Path(folder) / "identity"
        run("age-keygen", "-o", str(stranger))
        check("a stranger's identity does not open it", age(MANIFEST, stranger).returncode != 0)
        station = register(MANIFEST, stranger, FINGERPRINT)
        check("and glasskey says so with exit code 11", station == 11)


def register(manifest, identity, fingerprint):
    """Exit code of the companion for an account that no manifest holds: 2, once the manifest has been opened and checked."""
    with tempfile.TemporaryDirectory() as folder:
        token = Path(folder) / "token"
        token.write_text("none")
        done = run(
            GLASSKEY, "companion", "register", str(manifest), "--identity", str(identity),
            "--station-fingerprint", fingerprint, "--graph", "http://127.0.0.1:9", "--token-file", str(token),
            "--tap-file", str(Path(folder) / "pass"), "--journal", str(Path(folder) / "journal"), "--yes",
            "--account", NOBODY,
        )
        opened = NOBODY.encode() in done.stderr
        return done.returncode if done.returncode != 2 or opened else None


def check_damage():
    identity = ROOT / "identity.txt"
    whole = MANIFEST.read_bytes()
    check("the companion opens the whole manifest (and then misses the account: exit code 2)",
          register(MANIFEST, identity, FINGERPRINT) == 2)
    wrong = ("0" if FINGERPRINT[0] != "0" else "1") + FINGERPRINT[1:]
    check("a wrong station fingerprint has exit code 12", register(MANIFEST, identity, wrong) == 12)
    with tempfile.TemporaryDirectory() as folder:
        changed = Path(folder) / "manifest.age"
        codes = set()
        for at in range(0, len(whole), max(1, len(whole) // 40)):
            changed.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1:])
            codes.add(register(changed, identity, FINGERPRINT))
        check(f"a flipped byte, tried at 40 places, has exit code 10: {codes}", codes == {10})
        codes = set()
        for length in range(0, len(whole), max(1, len(whole) // 20)):
            changed.write_bytes(whole[:length])
            codes.add(register(changed, identity, FINGERPRINT))
        check(f"a truncated file, tried at 20 lengths, has exit code 15: {codes}", codes == {15})


def fingerprint_of(public_key):
    bits = int.from_bytes(hashlib.sha256(public_key).digest()[:5], "big")
    return "".join(CROCKFORD[bits >> shift & 31] for shift in range(35, -1, -5))


def check_labels(payload):
    codes = set()
    for picture in sorted((ROOT / "printed").glob("label-*.png")):
        codes.add(run("zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", str(picture)).stdout.decode().strip())
    for key in payload["keys"]:
        short = fingerprint_of(b64url(key["identity"]["public_key"]))
        expected = f"GLASSKEY:1:{key['label']}:{payload['ceremony']['id']}:{short}"
        check(f"a printed label says {expected}", expected in codes)


def printed_pins():
    """Reads the large digits of each slip's middle panel with tesseract, from the picture alone."""
    pins = {}
    for picture in sorted((ROOT / "printed").glob("slip-*.png")):
        with tempfile.TemporaryDirectory() as folder:
            panel = Path(folder) / "panel.png"
            # 300 dpi A4: the panel begins at 1169; the box with the PIN is in its first half.
            crop(picture, panel, top=1375, height=165, left=330, width=1820)
            text = run("tesseract", str(panel), "-", "--psm", "7", "-c", "tessedit_char_whitelist=0123456789").stdout
            digits = re.sub(rb"\D", b"", text).decode()
            pins[picture.name] = digits
    return pins


def crop(source, target, top, height, left, width):
    """Cuts a piece out of an 8-bit PNG with poppler's own tool chain: PNM in between, no imaging library."""
    pixels = run("pngtopnm", str(source)).stdout
    piece = run("pnmcut", "-left", str(left), "-top", str(top), "-width", str(width), "-height", str(height), input=pixels).stdout
    target.write_bytes(run("pnmtopng", input=piece).stdout)


def check_pins(payload):
    seen = printed_pins()
    pins = [key["pin"] for key in payload["keys"]]
    check("the PINs that tesseract reads on the slips are those of the manifest", sorted(seen.values()) == sorted(pins))
    check("no two keys have the same PIN", len(set(pins)) == len(pins))
    files = [p for p in ROOT.rglob("*") if p.is_file() and p.suffix != ".png" and p.name != "printer.bin"]
    for pin in pins:
        needle = pin.encode()
        holders = [str(p) for p in files if needle in p.read_bytes()]
        check(f"a PIN stands in no file that is left, out of {len(files)}: {holders}", not holders)
    control = json.dumps(payload).encode()
    check("(the search finds a PIN where there is one)", all(pin.encode() in control for pin in pins))


class Udp(CtapHidConnection):
    """A key that `bench serve` holds at a UDP port."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(35)
        self.socket.connect(("127.0.0.1", port))

    def read_packet(self):
        return self.socket.recv(64)

    def write_packet(self, data):
        self.socket.send(data.ljust(64, b"\0"))

    def close(self):
        self.socket.close()


def check_keys(payload):
    # A key that came from elsewhere has no file here.
    for number, key in enumerate(payload["keys"], 1):
        file, pin = ROOT / "keys" / f"key-{number}.json", key["pin"]
        if not file.exists():
            continue
        server = subprocess.Popen([BENCH, "serve", "--key", f"opensk:{file}", "--listen", "127.0.0.1:0"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            port = int(re.search(r"127\.0\.0\.1:(\d+)", server.stdout.readline()).group(1))
            device = CtapHidDevice(HidDescriptor("udp", 1, 2, 64, 64, "key", "key"), Udp(port))
            client = ClientPin(Ctap2(device))
            before = client.get_pin_retries()[0]
            token = client.get_pin_token(pin, ClientPin.PERMISSION.GET_ASSERTION, "login.microsoft.com")
            check(f"{file.name} accepts the PIN of its slip", token)
            try:
                client.get_pin_token(str(int(pin) ^ 1).zfill(len(pin)), ClientPin.PERMISSION.GET_ASSERTION, "login.microsoft.com")
                refused = False
            except CtapError as error:
                refused = error.code == CtapError.ERR.PIN_INVALID
            check(f"{file.name} refuses another PIN, which costs a try", refused and client.get_pin_retries()[0] == before - 1)
            client.get_pin_token(pin, ClientPin.PERMISSION.GET_ASSERTION, "login.microsoft.com")
        finally:
            server.stdin.close()
            server.wait(10)


def check_transcript(payload):
    path = MANIFEST.parent / "transcript.jsonl"
    entries, heads, chained = transcript.read(path)
    check(f"the transcript's {len(entries)} lines are chained", chained)
    head = payload["transcript"]
    check("the manifest names its head", heads[head["entries"] - 1] == head["sha256"])
    written = next(e for e in entries if e["event"] == "manifest-written")
    check("it names the manifest", written["sha256"] == hashlib.sha256(MANIFEST.read_bytes()).hexdigest())
    transcript.check_all(entries, check)


def check_record(payload):
    done = run("pdftotext", "-layout", MANIFEST.parent / "record.pdf", "-", text=True)
    labels = [key["label"] for key in payload["keys"]]
    check("the record's copy on the stick names every key", all(label in done.stdout for label in labels))
    digits = "".join(done.stdout.split()).lower()
    check("and the station's fingerprint", FINGERPRINT in digits)


def check_report(payload):
    report = json.loads((ROOT / "report.json").read_text())
    check("the report says registered, in a sandbox tenant", report["result"] == "registered" and report["tenant"]["sandbox"])
    check("it is about this manifest", report["manifestSha256"] == hashlib.sha256(MANIFEST.read_bytes()).hexdigest())
    labels = {key["label"] for key in payload["keys"]}
    proven = {k["label"] for k in report["keys"] if k["identityBefore"] and k["identityAfter"] and k["credential"]}
    check("every key was proven before and after, and holds what was registered", proven == labels)
    tenant = json.loads((ROOT / "tenant.json").read_text())
    for key in payload["keys"]:
        account = tenant["accounts"][key["account"]]
        one = [(m["displayName"], m["passkeyType"], m["attestationLevel"]) for m in account["fido2Methods"]]
        check(f"{key['account']} holds {one}", one == [(key["label"], "deviceBound", "attested")])
        check(f"{key['account']} has no pass left", account["temporaryAccessPassMethods"] == [])


FINGERPRINT = (ROOT / "fingerprint.txt").read_text().replace(" ", "").strip().lower()
MANIFEST = next(ROOT.glob("stick/ceremony-*/manifest.age"))
content = open_manifest()
check("it is marked as a rehearsal", content["ceremony"]["rehearsal"] is True)
check_recipients(content)
check_damage()
check_labels(content)
check_pins(content)
check_keys(content)
check_transcript(content)
check_record(content)
check_report(content)
failed = results.count(False)
print(f"{results.count(True)} passed, {failed} failed")
sys.exit(failed > 0)
