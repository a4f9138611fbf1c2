package store

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A row of the history holds postings of many accounts, those whose who has
// the same first bits, in the order of the chain; its key is the bucket and the
// first of their places. A row for each account would be two more rows a
// transfer, which cost as much as all else that is written for it. In return a
// reader passes over one posting in 4096 of the chain.

func historyPrefix(contract uint32, w who) []byte {
	return binary.BigEndian.AppendUint16(tableKey(historyTable, contract), w.bucket())
}

func historyKey(prefix []byte, at place) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, len(prefix)+8), prefix...), uint64(at))
}

// postingBytes is about what a posting takes in a row.
const postingBytes = 1 + 2 + restBits/8

// openRow is a row that is being filled.
type openRow struct {
	row
	n    int
	last place
}

// appendRows appends the rows of a finished index.
func (x *layerIndex) appendRows(rows []row) []row {
	type buckets [1 << bucketBits]*openRow
	open := map[uint32]*buckets{}
	var of *buckets // of the contract of the posting before, as nearly always
	room := postingBytes * (1 + min(historyRow, len(x.postings)>>bucketBits))
	for i := range x.postings {
		p := &x.postings[i]
		if i == 0 || p.contract != x.postings[i-1].contract {
			if of = open[p.contract]; of == nil {
				of = &buckets{}
				open[p.contract] = of
			}
		}
		r := of[p.who.bucket()]
		if r == nil {
			r = &openRow{}
			of[p.who.bucket()] = r
		}
		if r.n == historyRow {
			rows = append(rows, r.row)
			*r = openRow{}
		}
		if r.value == nil {
			r.value = make([]byte, 0, room)
		}
		r.add(p)
	}
	for _, of := range open {
		for _, r := range of {
			if r != nil {
				rows = append(rows, r.row)
			}
		}
	}
	return rows
}

// add appends a posting: the distance from the one before, its tags, and the
// bits of who that the key does not have.
func (r *openRow) add(p *posting) {
	if r.n == 0 {
		r.key = historyKey(historyPrefix(p.contract, p.who), p.at)
		r.last = p.at
	}
	r.value = append(binary.AppendUvarint(r.value, uint64(p.at-r.last)), byte(p.tags))
	var rest [8]byte
	binary.BigEndian.PutUint64(rest[:], uint64(p.who)<<(64-restBits))
	r.value = append(r.value, rest[:restBits/8]...)
	r.last = p.at
	r.n++
}

// decodePostings appends the postings of a row to dst.
func decodePostings(dst []posting, key, value []byte) ([]posting, error) {
	const head, tail = 1 + 4 + 2, 1 + restBits/8
	if len(key) != head+8 || len(value) == 0 {
		return nil, fmt.Errorf("%w: history", errCorrupt)
	}
	p := posting{contract: contractOf(key), at: place(binary.BigEndian.Uint64(key[head:]))}
	bucket := who(binary.BigEndian.Uint16(key[head-2:])) << restBits
	for len(value) > 0 {
		distance, n := binary.Uvarint(value)
		if n <= 0 || len(value) < n+tail || distance > math.MaxUint64-uint64(p.at) {
			return nil, fmt.Errorf("%w: history", errCorrupt)
		}
		p.at += place(distance)
		p.tags = tags(value[n])
		var rest [8]byte
		copy(rest[:], value[n+1:n+tail])
		p.who = bucket | who(binary.BigEndian.Uint64(rest[:])>>(64-restBits))
		dst = append(dst, p)
		value = value[n+tail:]
	}
	return dst, nil
}
