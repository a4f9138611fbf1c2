package chain

import (
	"bytes"
	"fmt"
)

// ReadBack is a block that whoever produced it has read back from where it is kept.
type ReadBack struct {
	Header  Header
	Hash    Hash
	Records int
	Claims  []Claim // of its records, in their order
}

// recordEnd stands between two records, and then the first letter of a key. In a text that
// stands in a record quotes are escaped; where one ends with the rest of recordEnd its closing
// quote follows, and behind that no letter.
const recordEnd = "}" + RecordSeparator + `{"`

// cutRecord cuts the first record off the text of some; rest is empty behind the last.
func cutRecord(records []byte) (first, rest []byte) {
	for from := 0; ; {
		i := bytes.Index(records[from:], []byte(recordEnd))
		if i < 0 {
			return records, nil
		}
		i += from
		if key := i + len(recordEnd); key < len(records) && 'a' <= records[key] && records[key] <= 'z' {
			return records[:i+1], records[i+1+len(RecordSeparator):]
		}
		from = i + 1
	}
}

// ReadBlockBack reads what a block says of itself and who is said to have asked for its
// records, for whoever has produced it from records that he decided himself: he compares
// hash and header with what he noted then, and asks none of the rules again, so of
// a block from anybody else this says nothing. hash is that of canonical; contract and id are
// those of its chain; it is not the genesis block. An error says no more than that
// CheckBlock has to look.
func ReadBlockBack(canonical []byte, hash Hash, contract *Contract, id Hash) (r ReadBack, err error) {
	const list = `"transactions": [`
	from, to := bytes.Index(canonical, []byte(list))+len(list), bytes.LastIndexByte(canonical, ']')
	if from < len(list) || to < from {
		return r, invalid("it has no records")
	}
	around := append(append(make([]byte, 0, BlockOverhead), canonical[:from]...), canonical[to:]...)
	empty, err := DecodeBlock(around, contract.Decimals)
	if err != nil {
		return r, err
	}
	if r.Header, r.Hash = empty.Header, hash; r.Header.Contract != nil {
		return r, invalid("it is a genesis block")
	}
	records := canonical[from:to]
	for rest := records; len(rest) > 0; r.Records++ {
		_, rest = cutRecord(rest)
	}
	if contract.Wallets == SignedWallets {
		r.Claims, err = readClaims(records, r.Records, contract, id)
	}
	return r, err
}

// readClaims reads the claims of n records, which their author has written: what is
// misread here has another id.
func readClaims(records []byte, n int, contract *Contract, id Hash) ([]Claim, error) {
	all := claimReader{contract: contract, id: id, claims: make([]Claim, 0, n), messages: make([]byte, 0, len(records)/8*5)}
	for i := range n {
		var text []byte
		text, records = cutRecord(records)
		var r Record
		reader := recordReader{text: text, decimals: contract.Decimals, bpsc: contract.BPSC}
		if end, ok := reader.read(0, &r); !ok || end != len(text) {
			var err error
			if r, err = DecodeRecord(text, contract.Decimals); err != nil {
				return nil, err
			}
		}
		if err := all.add(&r, i); err != nil {
			return nil, err
		}
	}
	return all.claims, nil
}

// Follow takes a block that ReadBlockBack has returned as the next one. An error wraps
// ErrInvalid and leaves v as it was.
func (v *Verifier) Follow(r *ReadBack) error {
	if err := v.checkLink(&r.Header); err != nil {
		return fmt.Errorf("block %d: %w", r.Header.Index, err)
	}
	v.last, v.lastHash = r.Header, r.Hash
	return nil
}

// ReadBack is ReadBlockBack for a block that may stand next in this chain.
func (v *Verifier) ReadBack(canonical []byte, hash Hash) (ReadBack, error) {
	return ReadBlockBack(canonical, hash, &v.Contract, v.chainID)
}

// CheckClaims is Check but for the signatures: see the function of that name.
func (v *Verifier) CheckClaims(canonical []byte) (Checked, []Claim, error) {
	if v.last.Index == 0 {
		return CheckClaims(canonical, nil, Hash{}) // the contract is in the genesis block
	}
	return CheckClaims(canonical, &v.Contract, v.chainID)
}

// Claim is what a record says that somebody has signed, under the id that follows from
// what is signed.
type Claim struct {
	Signed
	ID     ID
	Record int // position in its block
}

// claimReader gathers the claims of a block.
type claimReader struct {
	contract *Contract
	id       Hash // of the chain
	claims   []Claim
	messages []byte // one after the other
}

// add adds the claim of a record, if anybody has asked for it. Messages that were there
// before the buffer grew keep the memory that they were written to.
func (c *claimReader) add(r *Record, position int) error {
	t, asked := r.Transaction()
	if !asked {
		return nil
	}
	if t.Auth == nil {
		return invalidRecord(position, "it is not signed")
	}
	start := len(c.messages)
	c.messages = t.AppendSigned(c.messages, c.id, c.contract.Decimals)
	message := c.messages[start:len(c.messages):len(c.messages)]
	if SignedID(message) != r.ID {
		return invalidRecord(position, "its id is not that of what was signed")
	}
	c.claims = append(c.claims, Claim{Signed{t.Auth.PublicKey, t.Auth.Signature, message}, r.ID, position})
	return nil
}

// NotSigned is the error of a block, by its index, whose claim is not good.
func (c *Claim) NotSigned(index uint64) error {
	return fmt.Errorf("block %d: %w", index, invalidRecord(c.Record, "the signature is not good"))
}
