"""What the sandbox tenant holds at the end, account by account, as Graph tells it."""

import json
import os
import urllib.request

BASE = "http://127.0.0.1:8080/v1.0"
TOKEN = open("token", encoding="ascii").read().strip()


def get(path):
    request = urllib.request.Request(BASE + path, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return json.load(answer)


accounts = {}
for name in os.environ["ACCOUNTS"].split():
    methods = f"/users/{name}/authentication"
    accounts[name] = {
        "fido2Methods": get(f"{methods}/fido2Methods")["value"],
        "temporaryAccessPassMethods": get(f"{methods}/temporaryAccessPassMethods")["value"],
    }
print(json.dumps({"organization": get("/organization")["value"], "accounts": accounts}, indent=2))
