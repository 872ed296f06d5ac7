"""Publishes a text to a user through Vestibule's admin listener, once however often it is run.

    python publish.py http://127.0.0.1:9090 alice "Dinner is ready" dinner-7

The last argument is the idempotency key. The key of `admin.key_file` is read from the file that
ADMIN_KEY_FILE names, if there is one.
"""

import json
import os
import sys
import urllib.request
from pathlib import Path


def main() -> None:
    admin, user, content, key = sys.argv[1:]
    headers = {"Content-Type": "application/json"}
    if path := os.environ.get("ADMIN_KEY_FILE"):
        headers["Authorization"] = f"Bearer {Path(path).read_text().split()[0]}"
    body = {"users": [user], "content": content, "idempotency_key": key}
    request = urllib.request.Request(
        f"{admin}/v1/publish", json.dumps(body).encode(), headers, method="POST"
    )
    # A reset or a time-out can be tried again with the same key.
    with urllib.request.urlopen(request, timeout=10) as response:
        print(response.read().decode())


if __name__ == "__main__":
    main()
