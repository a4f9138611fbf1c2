// Package history says which records concern an account: an index of the blocks that are in
// memory, its rows, the places of records and cursors to them, and the walk that answers a
// query from both.
package history

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// posting says that a record concerns an account, and how.
type posting struct {
	at       Place
	hash     accountHash
	contract uint32
	tags     tags
}

// accountHash stands for an account of a contract: 60 bits of a SHA-256, so that
// nobody finds a name that falls together with somebody else's. Two names of
// one's own may, so a record is looked at before it is said to be an account's.
type accountHash uint64

const (
	accountBits = 60
	bucketBits  = 12 // accounts share rows by these, see AppendRows
	restBits    = accountBits - bucketBits
)

func hashAccount(contract uint32, name []byte) accountHash {
	var buf [4 + chain.MaxNameBytes]byte
	b := append(binary.BigEndian.AppendUint32(buf[:0], contract), name...)
	sum := sha256.Sum256(b)
	return accountHash(binary.BigEndian.Uint64(sum[:]) >> (64 - accountBits))
}

// accountHashes are the hashes of accounts that were asked for last, each at its place: a
// few wallets are in most records, and to find one costs a tenth of hashing it.
type accountHashes struct {
	seed maphash.Seed
	last []hashedAccount
}

type hashedAccount struct {
	name     []byte // memory of a block
	contract uint32
	hash     accountHash
}

// of is hashAccount. It keeps name, which does not change any more.
func (a *accountHashes) of(contract uint32, name []byte) accountHash {
	if a.last == nil {
		a.seed, a.last = maphash.MakeSeed(), make([]hashedAccount, hashedAccounts)
	}
	at := &a.last[maphash.Bytes(a.seed, name)%hashedAccounts]
	if at.contract != contract || !bytes.Equal(at.name, name) || len(at.name) == 0 {
		*at = hashedAccount{name, contract, hashAccount(contract, name)}
	}
	return at.hash
}

func (w accountHash) bucket() uint16 { return uint16(w >> restBits) }

// Index says which records of the blocks of a layer concern which account, until rows say so.
// Several may extend it at once: each block is put in under mu by the one that finds done at
// that block, so it is there once and in order.
type Index struct {
	done     atomic.Int64 // how many blocks are in, in their order
	mu       sync.Mutex   // guards what follows, and done's changes
	hashes   accountHashes
	postings []posting // in the order of the blocks; what has been added does not change
}

// Block is a block on its way into the index.
type Block struct {
	Key   keys.Block
	Block *blocks.Block
}

// Done is how many blocks are in.
func (x *Index) Done() int { return int(x.done.Load()) }

// Extend adds blocks of which from come before; others may be doing the same.
func (x *Index) Extend(from int, more []Block) {
	for i := range more {
		x.mu.Lock()
		if x.done.Load() == int64(from+i) {
			x.addBlock(&more[i])
			x.done.Add(1)
		}
		x.mu.Unlock()
	}
}

// Expect makes room for that many postings where there is none yet.
func (x *Index) Expect(n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.postings == nil {
		x.postings = make([]posting, 0, n)
	}
}

func (x *Index) addBlock(b *Block) {
	var m chain.Mention
	for position, span := range b.Block.Records {
		m.Read(b.Block.Canonical[span.From:span.To])
		at, start := PlaceOf(b.Key.Index, position), len(x.postings)
		for i := range m.Wallets {
			if w := &m.Wallets[i]; len(w.Name) > 0 {
				x.add(start, posting{at, x.hashes.of(b.Key.Contract, w.Name), b.Key.Contract, tagsOf(m.Kind, w.Role)})
			}
		}
	}
}

// add adds a posting of the record whose postings begin at start; an account
// has one in a record.
func (x *Index) add(start int, p posting) {
	for i := range x.postings[start:] {
		if other := &x.postings[start+i]; other.hash == p.hash {
			other.tags |= p.tags
			return
		}
	}
	x.postings = append(x.postings, p)
}

// of returns the postings of an account.
func (x *Index) of(w accountHash) []posting {
	x.mu.Lock()
	all := x.postings
	x.mu.Unlock()
	var list []posting
	for i := range all {
		if all[i].hash == w {
			list = append(list, all[i])
		}
	}
	return list
}

// tags are the roles that an account has in a record and the record's kind.
type tags byte

const (
	anyRole  = tags(chain.RoleSender | chain.RoleRecipient | chain.RoleSubject)
	roleBits = 3
)

// tagsOf are the tags of an account with that role in a record of that kind.
func tagsOf(kind int, role chain.Role) tags { return tags(kind)<<roleBits | tags(role) }

// A row of the history holds postings of many accounts, those whose hashes have
// the same first bits, in the order of the chain; its key is the bucket and the
// first of their places. A row for each account would be two more rows a
// transfer, which cost as much as all else that is written for it. In return a
// reader passes over one posting in 4096 of the chain.

func rowsPrefix(contract uint32, w accountHash, epochs []keys.Epoch) []byte {
	key := keys.AppendPrefix(make([]byte, 0, keyBytes), keys.HistoryTable, keys.EpochHistoryTable, contract, epochs)
	return binary.BigEndian.AppendUint16(key, w.bucket())
}

// keyBytes is the length of a key with an epoch.
const keyBytes = 1 + 4 + keys.EpochBytes + 2 + 8

func rowKey(prefix []byte, at Place) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, len(prefix)+8), prefix...), uint64(at))
}

// postingBytes is about what a posting takes in a row.
const postingBytes = 1 + 2 + restBits/8

// openRow is a row that is being filled.
type openRow struct {
	engine.Row
	n    int
	last Place
}

// AppendRows appends the rows of a finished index, of the epochs of their contracts.
func (x *Index) AppendRows(rows []engine.Row, epochs []keys.Epoch) []engine.Row {
	type buckets [1 << bucketBits]*openRow
	open := map[uint32]*buckets{}
	var of *buckets // of the contract of the posting before, as nearly always
	room := postingBytes * (1 + min(rowPostings, len(x.postings)>>bucketBits))
	for i := range x.postings {
		p := &x.postings[i]
		if i == 0 || p.contract != x.postings[i-1].contract {
			if of = open[p.contract]; of == nil {
				of = &buckets{}
				open[p.contract] = of
			}
		}
		r := of[p.hash.bucket()]
		if r == nil {
			r = &openRow{}
			of[p.hash.bucket()] = r
		}
		if r.n == rowPostings {
			rows = append(rows, r.Row)
			*r = openRow{}
		}
		if r.Value == nil {
			r.Value = make([]byte, 0, room)
		}
		r.add(p, epochs)
	}
	for _, of := range open {
		for _, r := range of {
			if r != nil {
				rows = append(rows, r.Row)
			}
		}
	}
	return rows
}

// add appends a posting: the distance from the one before, its tags, and the
// bits of the hash that the key does not have.
func (r *openRow) add(p *posting, epochs []keys.Epoch) {
	if r.n == 0 {
		r.Key = rowKey(rowsPrefix(p.contract, p.hash, epochs), p.at)
		r.last = p.at
	}
	r.Value = append(binary.AppendUvarint(r.Value, uint64(p.at-r.last)), byte(p.tags))
	var rest [8]byte
	binary.BigEndian.PutUint64(rest[:], uint64(p.hash)<<(64-restBits))
	r.Value = append(r.Value, rest[:restBits/8]...)
	r.last = p.at
	r.n++
}

// decodePostings appends the postings of a row to dst.
func decodePostings(dst []posting, key, value []byte) ([]posting, error) {
	const tail = 1 + restBits/8
	head := len(key) - 8
	if head+8 != keyBytes && head+8 != keyBytes-keys.EpochBytes || len(value) == 0 {
		return nil, fmt.Errorf("%w: history", engine.ErrCorrupt)
	}
	p := posting{contract: keys.ContractOf(key), at: Place(binary.BigEndian.Uint64(key[head:]))}
	bucket := accountHash(binary.BigEndian.Uint16(key[head-2:])) << restBits
	for len(value) > 0 {
		distance, n := binary.Uvarint(value)
		if n <= 0 || len(value) < n+tail || distance > math.MaxUint64-uint64(p.at) {
			return nil, fmt.Errorf("%w: history", engine.ErrCorrupt)
		}
		p.at += Place(distance)
		p.tags = tags(value[n])
		var rest [8]byte
		copy(rest[:], value[n+1:n+tail])
		p.hash = bucket | accountHash(binary.BigEndian.Uint64(rest[:])>>(64-restBits))
		dst = append(dst, p)
		value = value[n+tail:]
	}
	return dst, nil
}
