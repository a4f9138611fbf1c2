"""Verify a receipt with nothing of bpsc's: python3 verify_receipt.py RECEIPT POLICY.

It needs the package cryptography, for Ed25519 alone. Every format is public:
c2sp.org/tlog-proof, /tlog-checkpoint, /tlog-cosignature, /tlog-policy, and RFC 6962.
"""
import base64, hashlib, json, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

receipt, policy = (open(name, newline="").read() for name in sys.argv[1:3])
sha = lambda data: hashlib.sha256(data).digest()
canonical = lambda value: json.dumps(value, sort_keys=True).encode()

# The policy: which keys, how many of which group, which chains.
keys, groups, origins = {}, {"witnesses": (0, [])}, set()
for fields in (line.split() for line in policy.splitlines() if line and line[0] != "#"):
    if fields[0] == "witness":
        name, _, key = fields[2].split("+", 2)
        keys[name] = fields[1], Ed25519PublicKey.from_public_bytes(base64.b64decode(key)[1:])
    elif fields[0] == "group" and fields[1] != "both":
        groups[fields[1]] = int(fields[2]), fields[3:]
    elif fields[0] == "log":
        origins.add(f"bpsc/{fields[1]}/{fields[2][:16]}")

# The file: extra data, index, path; an empty line; the checkpoint with its signatures.
head, note = receipt.split("\n\n", 1)
lines = head.split("\n")
extra = json.loads(base64.b64decode(lines[1].removeprefix("extra ")))
index, path = int(lines[2].removeprefix("index ")), [base64.b64decode(line) for line in lines[3:]]
body, signatures = note.split("\n\n", 1)
origin, size, root = body.split("\n")
assert not origins or origin in origins, "the chain is another one"

# Each signature is over the checkpoint and the time that the signer says.
signers = set()
for line in signatures.splitlines():
    _, name, signature = line.split(" ")
    if name in keys:
        signature = base64.b64decode(signature)
        time = int.from_bytes(signature[4:12], "big")
        keys[name][1].verify(signature[12:], f"cosignature/v1\ntime {time}\n{body}\n".encode())
        signers.add(keys[name][0])
for needed, names in groups.values():
    assert len(signers.intersection(names)) >= needed, "too few have signed"


def climb(leaf, index, size, path):
    """The root of a tree of that size, from a leaf and its path (RFC 9162, 2.1.3.2)."""
    node, last = sha(b"\0" + leaf), size - 1
    for sibling in path:
        assert last > 0, "the path is too long"
        if index & 1 or index == last:
            node = sha(b"\1" + sibling + node)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            node = sha(b"\1" + node + sibling)
        index, last = index >> 1, last >> 1
    assert last == 0, "the path is too short"
    return node


# The block's header is in the log, and the record in the block.
leaf, record = extra["leaf"], extra["record"]
assert leaf["index"] == index + 1, "the header is of another block"
assert 0 <= index < int(size), "the block came after the checkpoint"
assert climb(canonical(leaf), index, int(size), path) == base64.b64decode(root), "the block is not in the log"
inside = climb(canonical(record), extra["position"], leaf["transactions"], [bytes.fromhex(h) for h in extra["record_path"]])
assert inside.hex() == leaf["transactions_root"], "the record is not in the block"
print(f"block {leaf['index']} of {origin}, signed by {', '.join(sorted(signers))}, holds {canonical(record).decode()}")
