"""Reads a transcript by its documented format alone: nothing here is shared with Glasskey.

usage: rehearsal_transcript.py TRANSCRIPT

Prints PASS and FAIL lines; the exit status is 0 when none failed.
"""

import hashlib
import json
import sys
from pathlib import Path

EVENTS = {
    "started", "self-test", "usb-refused", "planned", "present", "answered", "intended", "done", "failed", "key-identified",
    "slip-voided", "key-rejected", "key-prepared", "exception", "paused", "resumed", "sealing-started", "key-sealed",
    "manifest-written", "ended", "clock-set", "printer-doubt", "printer-cycled", "creation-options",
}
# What another start of the station begins with.
STARTS = {"started", "resumed", "sealing-started"}


def read(path):
    """The entries, the hash of each line, and whether the lines are chained."""
    previous, heads, entries, chained = "0" * 64, [], [], True
    for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
        entry = json.loads(line)
        chained &= entry["prev"] == previous and entry["n"] == number
        previous = hashlib.sha256(line).hexdigest()
        heads.append(previous)
        entries.append(entry)
    return entries, heads, chained and bool(entries)


def of(entries, *events):
    return [entry for entry in entries if entry["event"] in events]


def acts(entries):
    """Whether each act ends as itself before the next one begins; only a stop of the station leaves one open."""
    act = None
    for entry in entries:
        this = tuple(entry.get(name) for name in ("effect", "key", "slip"))
        if entry["event"] == "intended":
            if act is not None:
                return False
            act = this
        elif entry["event"] in ("done", "failed"):
            if act != this:
                return False
            act = None
        elif entry["event"] in STARTS:
            act = None
    return act is None or act[0] == "export"


def agreed(entries):
    """Whether two people stand behind each exception: a reason by the officer, then the initials of the witness who is there."""
    initials, answers = None, {}
    for entry in entries:
        if entry["event"] == "present":
            initials = "".join(word[0] for word in entry["witness"].split()).lower()
        elif entry["event"] == "answered":
            answers[entry["question"]] = entry
        elif entry["event"] == "exception":
            reason, agree = answers.pop("reason", {}), answers.pop("agree", {})
            if reason.get("answer") != entry["reason"] or reason.get("by") != "officer":
                return False
            if agree.get("answer", "").lower() != initials or agree.get("by") != "witness":
                return False
    return True


def check_all(entries, check):
    check("every kind of line is known", {entry["event"] for entry in entries} <= EVENTS)
    check("one ceremony began", [e["event"] for e in entries].index("started") == 0 and len(of(entries, "started")) == 1)
    check(f"each of {len(of(entries, 'intended'))} intended acts is followed by its end", acts(entries))
    tests = [e["check"] for e in of(entries, "self-test") if e["passed"]]
    starts = len(of(entries, *STARTS))
    check(f"the air gap was tested at each of {starts} starts", tests.count("no sockets") == starts)
    seated = next((e["n"] for e in of(entries, "present")), 0)
    check("two people sat there before the first key", 0 < seated < min((e["n"] for e in of(entries, "key-identified")), default=seated + 1))

    exceptions = of(entries, "exception")
    check(f"{len(exceptions)} exceptions are numbered", [e["number"] for e in exceptions] == list(range(1, len(exceptions) + 1)))
    check("two people stand behind each of them", agreed(entries))
    rejected, aborted = of(entries, "key-rejected"), [e for e in exceptions if e["kind"] == "abort"]
    kinds = [e["kind"] for e in exceptions]
    check("every key that was put aside is explained", kinds.count("key-rejected") + len(aborted) >= len(rejected))
    check("every cut is explained", kinds.count("restart") >= sum(e["cut"] for e in of(entries, "resumed")))

    planned, prepared = of(entries, "planned"), of(entries, "key-prepared")
    labels = [e["label"] for e in prepared]
    check("keys were prepared once each, as planned", len(set(labels)) == len(labels) and set(labels) <= {e["label"] for e in planned})
    printed = {e["slip"] for e in of(entries, "intended") if e["effect"] == "print-slip"}
    sealed = [e["slip"] for e in prepared + of(entries, "key-sealed") if e.get("slip")]
    voided = [e["slip"] for e in of(entries, "slip-voided")]
    check(f"{len(printed)} slips = {len(sealed)} sealed + {len(voided)} void", sorted(printed) == sorted(sealed + voided))
    bags = [e[bag] for e in prepared + of(entries, "key-sealed") for bag in ("key_bag", "slip_bag", "second_slip_bag") if e.get(bag)]
    check(f"{len(bags)} bags were used once each", len(set(bags)) == len(bags))

    ended = entries[-1]
    sums = {"slips_printed": len(printed), "slips_voided": len(voided), "exceptions": len(exceptions),
            "rejected": len(rejected), "prepared": len(prepared), "aborted": bool(aborted)}
    check(f"the last line sums it up: {sums}", ended["event"] == "ended" and all(ended[name] == value for name, value in sums.items()))


def main():
    results = []

    def check(what, holds):
        results.append(bool(holds))
        print("PASS" if holds else "FAIL", what)

    entries, _, chained = read(sys.argv[1])
    check(f"the transcript's {len(entries)} lines are chained", chained)
    check_all(entries, check)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
