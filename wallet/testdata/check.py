"""Checks transactions.json and keys.json with nothing but Python's standard
library: the signed bytes, the ids, the addresses (BIP 350) and the signatures
(RFC 8032, section 6). Prints what it checked; any difference is an exception.
"""

import hashlib
import json
import pathlib

HERE = pathlib.Path(__file__).parent
DOMAIN = b"bpsc/tx/v1\n"


def signed_bytes(payload):
    return DOMAIN + json.dumps(payload, sort_keys=True).encode("ascii")


# Addresses: bech32m over the first 20 bytes of a SHA-256.

CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def polymod(values):
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= g if top >> i & 1 else 0
    return check


def address(preimage, prefix="bpsc"):
    bits = int.from_bytes(hashlib.sha256(preimage).digest()[:20], "big")
    data = [bits >> shift & 31 for shift in range(155, -1, -5)]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = polymod(expanded + data + [0] * 6) ^ 0x2BC830A3
    data += [check >> shift & 31 for shift in range(25, -1, -5)]
    return prefix + "1" + "".join(CHARSET[d] for d in data)


# Ed25519.

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(a, b):
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    t, z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, z - t, z + t, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def recover_x(y, sign):
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P)
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - x2) % P == 0, "not a point"
    return P - x if x & 1 != sign else x


def decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = recover_x(y, sign)
    return x, y, 1, x * y % P


def compress(point):
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE_Y = 4 * pow(5, -1, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def public_key(seed):
    scalar = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return compress(multiply(scalar & (1 << 254) - 8 | 1 << 254, BASE))


def verifies(key, message, signature):
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % Q
    right = add(decompress(signature[:32]), multiply(h, decompress(key)))
    return s < Q and compress(multiply(s, BASE)) == compress(right)


def check_keys():
    vectors = json.loads((HERE / "keys.json").read_text())
    for v in vectors["keys"]:
        key = public_key(bytes.fromhex(v["private_key"]))
        assert key.hex() == v["public_key"], v
        assert address(key) == v["address"], v
    for token, wallet in vectors["bpsc_wallets"].items():
        assert address(b"bpsc/wallet/v1\n" + token.encode()) == wallet, token
    return len(vectors["keys"])


def check_transactions():
    vectors = json.loads((HERE / "transactions.json").read_text())
    for v in vectors:
        message = signed_bytes(v["payload"])
        assert message == v["signed"].encode(), v["name"]
        assert hashlib.sha256(message).hexdigest() == v["id"], v["name"]
        key = bytes.fromhex(v["public_key"])
        assert key == public_key(bytes.fromhex(v["private_key"])), v["name"]
        signature = bytes.fromhex(v["signature"])
        assert verifies(key, message, signature), v["name"]
        assert not verifies(key, message + b" ", signature), v["name"]
    return len(vectors)


print(check_keys(), "keys and", check_transactions(), "transactions are as they should be")
