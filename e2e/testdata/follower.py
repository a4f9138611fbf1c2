"""A follower as in the tutorial: it fetches the chain of a BPSC and accepts it
when every block carries the hash of the one before. The standard library only.

usage: follower.py http://127.0.0.1:5000
"""
import hashlib
import json
import sys
import urllib.request


def hash_of(block):
    block_string = json.dumps(block, sort_keys=True).encode()
    return hashlib.sha256(block_string).hexdigest()


def valid_chain(chain):
    last_block = chain[0]
    for block in chain[1:]:
        if block["previous_hash"] != hash_of(last_block):
            print("block", block["index"], "does not carry the hash of the block before")
            return False
        last_block = block
    return True


with urllib.request.urlopen(sys.argv[1] + "/chain") as response:
    answer = json.loads(response.read())

if answer["length"] != len(answer["chain"]) or not valid_chain(answer["chain"]):
    sys.exit("the chain is not valid")
print("ok,", answer["length"], "blocks")
