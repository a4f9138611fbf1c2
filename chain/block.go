package chain

import (
	"strconv"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// Trigger says why a block was produced, so that anyone can check it against
// the contract.
type Trigger string

// The triggers. A block by time comes at least Schedule.Every after the one
// before; one by count has exactly Schedule.Transactions records; one by size
// could hold no further record; one by request needs Contract.OnRequest.
const (
	ByGenesis Trigger = "genesis"
	ByTime    Trigger = "time"
	ByCount   Trigger = "count"
	BySize    Trigger = "size"
	ByRequest Trigger = "request"
)

// GenesisPrevious is what the genesis block carries as previous_hash.
const GenesisPrevious = "1"

// Totals are running sums over the whole chain, in base units.
type Totals struct {
	Issued Amount // created so far
	Burned Amount // destroyed so far
	Fees   Amount // fees in the BPSC's wallet, neither spent nor burned
	Held   Amount // in escrow
}

// Header is a block without its records.
type Header struct {
	Index        uint64
	Timestamp    Micros
	PreviousHash string // hash of the block before, in hex; GenesisPrevious in genesis
	Root         Hash   // RFC 6962 root over the records' canonical bytes
	HasRoot      bool   // the tutorial's own blocks have none
	Totals       *Totals
	Trigger      Trigger
	Contract     *Contract // in genesis only
}

// Block is a header and its records.
type Block struct {
	Header
	Records []Record
}

// RecordSeparator stands between the records in a block's text.
const RecordSeparator = ", "

// HasRoom tells whether a block whose records have so many bytes of text, with
// what stands between them, may take one more.
func HasRoom(textBytes int) bool {
	return textBytes+MaxRecordBytes+BlockOverhead <= MaxBlockBytes
}

// AppendBlock appends the canonical text of a block whose records are already
// written, joined by RecordSeparator, and returns where the first of them begins.
func AppendBlock(dst []byte, h *Header, records []byte, decimals int) (block []byte, recordsAt int) {
	dst = appendHead(dst, h, decimals)
	recordsAt = len(dst)
	return appendTail(append(dst, records...), h), recordsAt
}

// appendHead appends what stands before a block's records, appendTail what
// stands behind them.
func appendHead(dst []byte, h *Header, decimals int) []byte {
	dst = append(dst, '{')
	if h.Contract != nil {
		dst = appendContract(append(dst, `"contract": `...), h.Contract)
		dst = append(dst, ", "...)
	}
	dst = strconv.AppendUint(append(dst, `"index": `...), h.Index, 10)
	dst = pyjson.AppendString(append(dst, `, "previous_hash": `...), h.PreviousHash)
	dst = AppendTimestamp(append(dst, `, "timestamp": `...), h.Timestamp)
	if h.Totals != nil {
		dst = appendTotals(append(dst, `, "totals": `...), h.Totals, decimals)
	}
	return append(dst, `, "transactions": [`...)
}

func appendTail(dst []byte, h *Header) []byte {
	dst = append(dst, ']')
	if h.HasRoot {
		dst = append(h.Root.AppendHex(append(dst, `, "transactions_root": "`...)), '"')
	}
	if h.Trigger != "" {
		dst = pyjson.AppendString(append(dst, `, "trigger": `...), string(h.Trigger))
	}
	return append(dst, '}')
}

// Append appends the canonical text of b.
func (b *Block) Append(dst []byte, decimals int) []byte {
	var records []byte
	for i := range b.Records {
		if i > 0 {
			records = append(records, RecordSeparator...)
		}
		records = AppendRecord(records, &b.Records[i], decimals)
	}
	dst, _ = AppendBlock(dst, &b.Header, records, decimals)
	return dst
}

// AppendTimestamp appends t as Python writes the same seconds in a
// double: always with a point. Up to MaxTimestamp the decimal text is the
// shortest that names its double, so no float is needed.
func AppendTimestamp(dst []byte, t Micros) []byte {
	start := len(dst)
	dst = AppendAmount(dst, Amount(t), 6)
	for _, c := range dst[start:] {
		if c == '.' || c == 'e' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

func appendTotals(dst []byte, t *Totals, decimals int) []byte {
	dst = AppendAmount(append(dst, `{"burned": `...), t.Burned, decimals)
	dst = AppendAmount(append(dst, `, "fees": `...), t.Fees, decimals)
	dst = AppendAmount(append(dst, `, "held": `...), t.Held, decimals)
	dst = AppendAmount(append(dst, `, "issued": `...), t.Issued, decimals)
	return append(dst, '}')
}
