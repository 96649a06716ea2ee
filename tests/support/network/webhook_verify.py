"""Verifies what webhook_receiver.py took, with what docs/webhooks.md tells receivers to run: its Python and its shell.

usage: webhook_verify.py DOCS RECEIVED PATH SECRET

Prints how many requests to PATH there were. Ends with 1 when one is not signed under SECRET, or another body would be.
"""
import json
import re
import subprocess
import sys
import tempfile

docs, received, path, secret = sys.argv[1:]
page = open(docs).read()
names = {}
exec(re.search(r"```python\n(.*?)```", page, re.S).group(1), names)
verify = names["verify"]
shell = next(block for block in re.findall(r"```sh\n(.*?)```", page, re.S) if "openssl" in block)


def verify_in_shell(headers, body):
    with tempfile.TemporaryDirectory() as place:
        with open(place + "/body.json", "wb") as file:
            file.write(body)
        said = subprocess.run(["bash", "-ec", shell], cwd=place, capture_output=True, text=True, check=True, env={
            "PATH": "/usr/bin:/bin", "SECRET": secret, "ID": headers["webhook-id"], "TIMESTAMP": headers["webhook-timestamp"]})
        return headers["webhook-signature"] == "v1," + said.stdout.strip()


count = 0
for line in open(received):
    request = json.loads(line)
    headers, body = request["headers"], request["body"].encode()
    if request["path"] != path:
        continue
    count += 1
    if not verify(secret, headers, body) or verify(secret, headers, body + b" ") or not verify_in_shell(headers, body):
        sys.exit(f"not signed: {line}")
    if json.loads(body)["id"] != headers["webhook-id"]:
        sys.exit(f"another id: {line}")
print(count)
