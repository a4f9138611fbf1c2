"""Verify a receipt with nothing of bpsc's: python3 verify_receipt.py RECEIPT POLICY [ACCEPTED...].

POLICY is a policy, or a history: a policy and the signed handovers to those that came after.
ACCEPTED are the hashes of handovers by which a cluster that had lost its majority went on.

It needs the package cryptography, for Ed25519 alone. Every format is public:
c2sp.org/tlog-proof, /tlog-checkpoint, /tlog-cosignature, /tlog-policy, /signed-note, and RFC 6962.
"""
import base64, hashlib, json, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

def require(holds, why):
    if not holds:
        sys.exit("not verified: " + why)


receipt, policies = (open(name, encoding="utf-8", newline="").read() for name in sys.argv[1:3])
for text in receipt, policies:
    require("\r" not in text and text[:1] != "\ufeff", "a tool that changes texts has been at the file")
sha = lambda data: hashlib.sha256(data).digest()
canonical = lambda value: json.dumps(value, sort_keys=True).encode()
fields_of = lambda text: [line.split() for line in text.splitlines() if line.split() and line.split()[0][0] != "#"]


def parse(lines):
    """A policy: which keys, which chains, who has to sign line by line, and the members' keys."""
    keys, origins, rules, members = {}, set(), [], []
    for fields in lines:
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
            members += [keys[rule[2]] for rule in rules if rule[0] == "witness" and rule[1] in fields[3:] and fields[1] == "members"]
        elif fields[0] == "quorum":
            rules.append(("quorum", fields[1]))
        else:
            require(fields[0] == "log", f"the policy has a line that begins with {fields[0]}")
            old = len(fields) == 3 and len(fields[2]) == 64  # as 0.1.0 wrote it: token and chain
            origins.add(f"bpsc/{fields[1]}/{fields[2][:16]}" if old else fields[1].split("+")[0])
    return keys, origins, rules, members


def core(lines):
    """What a handover says of a policy: the members by name, and how many of them it takes."""
    needed, members = next((fields[2], sorted(fields[3:])) for fields in lines if fields[:2] == ["group", "members"])
    needed = {"any": "1", "all": str(len(members))}.get(needed, needed)
    key = {fields[1]: fields[2] for fields in lines if fields[0] == "witness"}
    return [["witness", name, key[name], "-"] for name in members] + [["group", "members", needed, *members], ["quorum", "members"]]


def signed_by(body, signatures, keys, members=()):
    """The names of the keys that signed a text, each over it and the time that the signer says."""
    signed = set()
    for line in signatures.splitlines():
        _, name, signature = line.split(" ")
        signature = base64.b64decode(signature)
        # A member may sign as the log as well, by the same key under the log's name.
        for key in members if name == body.split("\n")[0] else ():
            if signature[:4] == sha(name.encode() + b"\n\x01" + key)[:4]:
                Ed25519PublicKey.from_public_bytes(key).verify(signature[4:], f"{body}\n".encode())
        # The first four bytes tell keys of one name apart: a member may have got a new one.
        if name in keys and signature[:4] == sha(name.encode() + b"\n\x04" + keys[name])[:4]:
            time = int.from_bytes(signature[4:12], "big")
            message = f"cosignature/v1\ntime {time}\n{body}\n".encode()
            Ed25519PublicKey.from_public_bytes(keys[name]).verify(signature[12:], message)
            signed.add(name)
    return signed


def satisfies(rules, signed):
    """Who of the policy signed, and whether they are enough."""
    satisfied, signers, enough = set(), set(), False
    for rule, name, *rest in rules:
        if rule == "witness" and rest[0] in signed:
            satisfied.add(name), signers.add(name)
        elif rule == "group" and len(satisfied & rest[1]) >= rest[0]:
            satisfied.add(name)
        elif rule == "quorum":
            enough = name in satisfied
    return signers, enough


# The file: extra data, index, path; an empty line; the checkpoint with its signatures.
head, note = receipt.split("\n\n", 1)
lines = head.split("\n")
extra = json.loads(base64.b64decode(lines[1].removeprefix("extra ")))
index, path = int(lines[2].removeprefix("index ")), [base64.b64decode(line) for line in lines[3:]]
body, signatures = note.split("\n\n", 1)
origin, size, root = body.split("\n")

# The policy of the checkpoint's size: each handover is signed by the members before it.
title = "\nbpsc/handover/v1\n"
first, *handovers = ("\n" + policies).split(title)
first = fields_of(first)
groups = [fields for fields in first if fields[0] in ("group", "quorum") and fields[:2] != ["group", "members"]]
policy = newest = first
number = None
for text in handovers:
    said, rest = text.split("\n\n", 1)
    theirs = "\n".join(line for line in rest.splitlines() if line[:1] not in ("", "#"))
    said = title[1:] + said
    lines = [line.split() for line in said.splitlines()[1:]]
    ends = {f"bpsc/{fields[1]}/{fields[2][:16]}": int(fields[3]) for fields in lines if fields[0] == "end"}
    following = [fields for fields in lines if fields[0] in ("witness", "group", "quorum")]
    before = "".join(" ".join(fields) + "\n" for fields in core(newest)).encode()
    require(lines[1] == ["before", sha(before).hex()], "a handover comes after another policy")
    require(number is None or int(lines[0][1]) == number + 1, "a handover has not the next number")
    number, recovered = int(lines[0][1]), lines[2][0] == "recovered-by"
    if recovered and sha((said + "\n").encode()).hex() not in sys.argv[3:]:
        require(int(size) <= ends.get(origin, 0), "the cluster went on without its majority, and nobody accepted that: " + " ".join(lines[2]))
        break
    keys, _, rules, _ = parse(core(following if recovered else newest))
    require(satisfies(rules, signed_by(said, theirs, keys))[1], f"too few have signed the handover to policy {number}")
    newest = following
    if int(size) > ends.get(origin, 0):  # chains and witnesses stay those of the first
        outside = [fields for fields in first if fields[0] == "log" or fields[0] == "witness" and fields[1] not in core(first)[-2]]
        policy = following[:-1] + outside + groups

keys, origins, rules, members = parse(policy)
require(not origins or origin in origins, "the chain is another one")
signers, enough = satisfies(rules, signed_by(body, signatures, keys, members))
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
