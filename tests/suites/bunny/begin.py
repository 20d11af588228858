"""Makes the vhosts, users and permissions that bunny's tests want, as its bin/ci/before_build.sh does, and runs a command.

Usage: begin.py COMMAND…
"""

import base64
import json
import os
import sys
import urllib.request

KINDS = ("classic", "quorum", "stream")


def put(path, body):
    """Sends one request to the management API as guest."""
    login = base64.b64encode(b"guest:guest").decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:15672/api/{path}", data=json.dumps(body).encode(), method="PUT",
        headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"})
    urllib.request.urlopen(request).close()


put("vhosts/bunny_testbed", {})
for kind in KINDS:
    put(f"vhosts/bunny_dqt_{kind}", {})
put("users/bunny_gem", {"password": "bunny_password", "tags": ""})
put("users/bunny_reader", {"password": "reader_password", "tags": ""})
for vhost in ("bunny_testbed", *(f"bunny_dqt_{kind}" for kind in KINDS)):
    for user in ("bunny_gem", "guest"):
        put(f"permissions/{vhost}/{user}", {"configure": ".*", "write": ".*", "read": ".*"})
put("permissions/bunny_testbed/bunny_reader", {"configure": "^---$", "write": "^---$", "read": ".*"})
os.execvp(sys.argv[1], sys.argv[1:])
