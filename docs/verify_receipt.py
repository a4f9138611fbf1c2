"""Verify a receipt with nothing of bpsc's: python3 verify_receipt.py RECEIPT POLICY.

It needs the package cryptography, for Ed25519 alone. Every format is public:
c2sp.org/tlog-proof, /tlog-checkpoint, /tlog-cosignature, /tlog-policy, and RFC 6962.
"""
import base64, hashlib, json, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

def require(holds, why):
    if not holds:
        sys.exit("not verified: " + why)


receipt, policy = (open(name, encoding="utf-8", newline="").read() for name in sys.argv[1:3])
for text in receipt, policy:
    require("\r" not in text and text[:1] != "\ufeff", "a tool that changes texts has been at the file")
sha = lambda data: hashlib.sha256(data).digest()
canonical = lambda value: json.dumps(value, sort_keys=True).encode()

# The policy: which keys, which chains, and who has to sign, line by line.
keys, origins, rules = {}, set(), []
for fields in (line.split() for line in policy.splitlines()):
    if not fields or fields[0][0] == "#":
        continue
    if fields[0] == "witness":
        name, _, key = fields[2].split("+", 2)
        key = base64.b64decode(key)[1:]
        require(name not in keys and key not in keys.values(), f"the key of {fields[1]} is there twice")
        keys[name] = key
        rules.append(("witness", fields[1], name))
    elif fields[0] == "group":
        needed = {"any": 1, "all": len(fields[3:])}.get(fields[2]) or int(fields[2])
        require(1 <= needed <= len(set(fields[3:])), f"group {fields[1]} asks for nobody, or for more than it has")
        rules.append(("group", fields[1], needed, set(fields[3:])))
    elif fields[0] == "quorum":
        rules.append(("quorum", fields[1]))
    else:
        require(fields[0] == "log", f"the policy has a line that begins with {fields[0]}")
        origins.add(f"bpsc/{fields[1]}/{fields[2][:16]}")

# The file: extra data, index, path; an empty line; the checkpoint with its signatures.
head, note = receipt.split("\n\n", 1)
lines = head.split("\n")
extra = json.loads(base64.b64decode(lines[1].removeprefix("extra ")))
index, path = int(lines[2].removeprefix("index ")), [base64.b64decode(line) for line in lines[3:]]
body, signatures = note.split("\n\n", 1)
origin, size, root = body.split("\n")
require(not origins or origin in origins, "the chain is another one")

# Each signature is over the checkpoint and the time that the signer says.
signed = set()
for line in signatures.splitlines():
    _, name, signature = line.split(" ")
    if name in keys:
        signature = base64.b64decode(signature)
        time = int.from_bytes(signature[4:12], "big")
        message = f"cosignature/v1\ntime {time}\n{body}\n".encode()
        Ed25519PublicKey.from_public_bytes(keys[name]).verify(signature[12:], message)
        signed.add(name)
satisfied, signers, enough = set(), set(), False
for rule, name, *rest in rules:
    if rule == "witness" and rest[0] in signed:
        satisfied.add(name), signers.add(name)
    elif rule == "group" and len(satisfied & rest[1]) >= rest[0]:
        satisfied.add(name)
    elif rule == "quorum":
        enough = name in satisfied
require(enough, "too few have signed")


def climb(leaf, index, size, path):
    """The root of a tree of that size, from a leaf and its path (RFC 9162, 2.1.3.2)."""
    node, last = sha(b"\0" + leaf), size - 1
    for sibling in path:
        require(last > 0, "the path is too long")
        if index & 1 or index == last:
            node = sha(b"\1" + sibling + node)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            node = sha(b"\1" + node + sibling)
        index, last = index >> 1, last >> 1
    require(last == 0, "the path is too short")
    return node


# The block's header is in the log, and the record in the block.
leaf, record = extra["leaf"], extra["record"]
require(leaf["index"] == index + 1, "the header is of another block")
require(0 <= index < int(size), "the block came after the checkpoint")
require(climb(canonical(leaf), index, int(size), path) == base64.b64decode(root), "the block is not in the log")
inside = climb(canonical(record), extra["position"], leaf["transactions"], [bytes.fromhex(h) for h in extra["record_path"]])
require(inside.hex() == leaf["transactions_root"], "the record is not in the block")
print(f"block {leaf['index']} of {origin}, signed by {', '.join(sorted(signers))}, holds {canonical(record).decode()}")
