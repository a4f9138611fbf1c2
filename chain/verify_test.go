package chain

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
)

const second = 1_000_000

// forge builds a valid chain of one genesis block and two more under a
// contract by time and count. alter may spoil each block before it is encoded.
func forge(alter func(b *Block)) [][]byte {
	c := DefaultContract()
	c.Wallets, c.BPSC = OpenWallets, OpenBPSC
	c.Schedule = Schedule{Every: 2 * time.Second, Transactions: 2, Empty: true}
	totals := Totals{}
	previous, now := GenesisPrevious, Micros(1_799_999_999)*second
	var blocks [][]byte
	for index := uint64(1); index <= 3; index++ {
		b := &Block{Header: Header{Index: index, Timestamp: now, PreviousHash: previous, Trigger: ByTime, HasRoot: true}}
		if index == 1 {
			b.Trigger, b.Contract = ByGenesis, &c
		}
		if index == 3 {
			b.Trigger = ByCount
			for _, id := range []string{"one", "two"} {
				r, _ := NewTransfer(&c, &Transaction{ID: DeriveID([]byte(id)), Sender: "a", Recipient: "b", Amount: second})
				b.Records = append(b.Records, r)
				totals.Fees += r.AmountBPSC
			}
		}
		t := totals
		b.Totals, b.Root = &t, rootOf(b)
		if alter != nil {
			alter(b)
		}
		canonical := b.Append(nil, c.Decimals)
		blocks = append(blocks, canonical)
		previous = HashBytes(canonical).String()
		now += Micros(3-index) * second
	}
	return blocks
}

func rootOf(b *Block) Hash {
	var root RootBuilder
	for i := range b.Records {
		root.Add(AppendRecord(nil, &b.Records[i], 6))
	}
	return root.Root()
}

func verify(blocks [][]byte) error {
	var v Verifier
	for _, b := range blocks {
		if _, err := v.Next(b); err != nil {
			return err
		}
	}
	return nil
}

func TestVerifierAcceptsAChain(t *testing.T) {
	require.NoError(t, verify(forge(nil)))
}

func TestVerifierRefuses(t *testing.T) {
	at := func(index uint64, spoil func(b *Block)) func(b *Block) {
		return func(b *Block) {
			if b.Index == index {
				spoil(b)
			}
		}
	}
	for name, c := range map[string]struct {
		alter func(b *Block)
		says  string
	}{
		"a genesis block without a contract":    {at(1, func(b *Block) { b.Contract = nil }), "no contract"},
		"a genesis block that links":            {at(1, func(b *Block) { b.PreviousHash = strings.Repeat("0", 64) }), "genesis"},
		"a genesis block with another reason":   {at(1, func(b *Block) { b.Trigger = ByRequest }), "genesis"},
		"tokens out of nothing in genesis":      {at(1, func(b *Block) { b.Totals.Issued = 5 }), "genesis"},
		"a second contract":                     {at(2, func(b *Block) { c := DefaultContract(); c.Wallets, c.BPSC = OpenWallets, "x"; b.Contract = &c }), "genesis block only"},
		"a block left out":                      {at(2, func(b *Block) { b.Index = 3 }), "index"},
		"a link to another block":               {at(2, func(b *Block) { b.PreviousHash = strings.Repeat("0", 64) }), "previous_hash"},
		"time that goes back":                   {at(3, func(b *Block) { b.Timestamp -= 2 * second }), "goes back"},
		"a block before its time":               {at(2, func(b *Block) { b.Timestamp -= 1 }), "no block by \"time\""},
		"one by count when one by time was due": {at(3, func(b *Block) { b.Timestamp += second }), "a block by time was due"},
		"a count that is not full":              {at(3, func(b *Block) { b.Records = b.Records[:1]; b.Root = rootOf(b) }), "no block by \"count\""},
		"a full block for another reason":       {at(3, func(b *Block) { b.Trigger, b.Timestamp = ByTime, b.Timestamp+second }), "by count"},
		"a small block by size":                 {at(2, func(b *Block) { b.Trigger = BySize }), "no block by \"size\""},
		"a reason nobody knows":                 {at(2, func(b *Block) { b.Trigger = "whim" }), "whim"},
		"no totals":                             {at(2, func(b *Block) { b.Totals = nil }), "missing"},
		"no root":                               {at(2, func(b *Block) { b.HasRoot = false }), "missing"},
		"another root":                          {at(2, func(b *Block) { b.Root[0]++ }), "transactions_root"},
		"a record changed":                      {at(3, func(b *Block) { b.Records[0].Recipient = "c" }), "transactions_root"},
		"records swapped":                       {at(3, func(b *Block) { b.Records[0], b.Records[1] = b.Records[1], b.Records[0] }), "transactions_root"},
		"another fee":                           {at(3, func(b *Block) { b.Records[0].AmountBPSC++; b.Root = rootOf(b) }), "fee"},
		"another fee, out of the rest":          {at(3, func(b *Block) { b.Records[0].AmountBPSC++; b.Records[0].AmountReceive--; b.Root = rootOf(b) }), "fee or rest"},
		"more received than sent":               {at(3, func(b *Block) { b.Records[0].AmountReceive++; b.Root = rootOf(b) }), "fee"},
		"a fee for somebody else":               {at(3, func(b *Block) { b.Records[0].BPSC = "me"; b.Root = rootOf(b) }), "fee"},
		"a record without an id":                {at(3, func(b *Block) { b.Records[0].ID = ID{}; b.Root = rootOf(b) }), "no id"},
		"a kind nobody knows":                   {at(3, func(b *Block) { b.Records[0].Kind = "gift"; b.Root = rootOf(b) }), "kind"},
		"an empty memo":                         {at(3, func(b *Block) { b.Records[0].HasMemo = true; b.Root = rootOf(b) }), "memo"},
		"a name too long":                       {at(3, func(b *Block) { b.Records[0].Sender = longName; b.Root = rootOf(b) }), "name_too_long"},
	} {
		t.Run(name, func(t *testing.T) {
			err := verify(forge(c.alter))
			require.ErrorIs(t, err, ErrInvalid)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestDecodeBlockRefusesOtherSpellings(t *testing.T) {
	good := string(forge(nil)[2])
	for name, text := range map[string]string{
		"white space":        strings.Replace(good, `": `, `":  `, 1),
		"no space":           strings.Replace(good, `, `, `,`, 1),
		"keys in disorder":   strings.Replace(good, `"amount_bpsc": 5e-05, "amount_receive": 0.99995`, `"amount_receive": 0.99995, "amount_bpsc": 5e-05`, 1),
		"another exponent":   strings.Replace(good, `5e-05`, `0.00005`, 1),
		"a float for an int": strings.Replace(good, `"amount_send": 1,`, `"amount_send": 1.0,`, 1),
		"a longer escape":    strings.Replace(good, `"a"`, `"\u0061"`, 1),
		"hex in capitals":    strings.Replace(good, `"transactions_root": "`, `"transactions_root": "A`, 1),
		"an extra key":       strings.Replace(good, `{"index"`, `{"hash": 1, "index"`, 1),
		"a key twice":        strings.Replace(good, `{"index"`, `{"index": 3, "index"`, 1),
		"a newline after":    good + "\n",
		"half of it":         good[:len(good)/2],
		"nothing":            "",
		"null":               "null",
		"a tail of places":   strings.Replace(good, `"timestamp": 1800000002.0`, `"timestamp": 1800000002.0000001`, 1),
		"a late time":        strings.Replace(good, `"timestamp": 1800000002.0`, `"timestamp": 9900000002.0`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, good, text)
			_, err := DecodeBlock([]byte(text), 6)
			require.ErrorIs(t, err, ErrInvalid)
		})
	}
}

func TestAnyFlippedBitIsRefused(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		blocks := forge(nil)
		b := blocks[rng.IntN(3)]
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		if bytes.Equal(bytes.Join(blocks, nil), bytes.Join(forge(nil), nil)) {
			continue
		}
		// A change in the last block alone may be a valid other block; it then
		// has another hash than the tip everyone knows.
		if err := verify(blocks); err == nil {
			require.NotEqual(t, HashBytes(forge(nil)[2]), HashBytes(blocks[2]))
		}
	}
}

func TestRootIsThatOfRFC6962(t *testing.T) {
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			out[i] = hashes[index]
		}
		return out, nil
	})
	var root RootBuilder
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", root.Root().String())
	for n := int64(0); n < 70; n++ {
		leaf := []byte{byte(n), 'x'}
		root.Add(leaf)
		stored, err := tlog.StoredHashes(n, leaf, reader)
		require.NoError(t, err)
		hashes = append(hashes, stored...)
		want, err := tlog.TreeHash(n+1, reader)
		require.NoError(t, err)
		require.Equal(t, Hash(want), root.Root())
	}
	root.Reset()
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", root.Root().String())
}

func TestACheckedBlockSaysWhereItsRecordsStand(t *testing.T) {
	blocks := forge(nil)
	genesis, err := CheckBlock(blocks[0], nil, Hash{})
	require.NoError(t, err)
	c, err := CheckBlock(blocks[2], genesis.contract, genesis.Hash)
	require.NoError(t, err)
	require.Len(t, c.Records, len(c.Block.Records))
	for i, place := range c.Records {
		text := c.Canonical[place.From:place.To]
		require.Equal(t, string(AppendRecord(nil, &c.Block.Records[i], 6)), string(text))
		r, err := DecodeRecord(text, 6)
		require.NoError(t, err)
		require.Equal(t, c.Block.Records[i], r)
	}
}

func FuzzDecodeBlock(f *testing.F) {
	for _, b := range forge(nil) {
		f.Add(b, 6)
	}
	for _, v := range readVectors(f)[:40] {
		f.Add([]byte(v.Canonical), v.Decimals)
	}
	f.Fuzz(func(t *testing.T, text []byte, decimals int) {
		if decimals < 0 || decimals > MaxDecimals {
			return
		}
		b, err := DecodeBlock(text, decimals)
		if err != nil {
			return
		}
		if b.Contract != nil {
			decimals = b.Contract.Decimals
		}
		require.Equal(t, string(text), string(b.Append(nil, decimals)))
	})
}

func BenchmarkVerify(b *testing.B) {
	c := DefaultContract()
	c.Wallets, c.BPSC = OpenWallets, OpenBPSC
	genesis := &Block{Header: Header{Index: 1, PreviousHash: GenesisPrevious, Trigger: ByGenesis, HasRoot: true, Totals: &Totals{}, Contract: &c}}
	genesis.Root = rootOf(genesis)
	first := genesis.Append(nil, 6)
	full := &Block{Header: Header{Index: 2, PreviousHash: HashBytes(first).String(), Trigger: ByRequest, HasRoot: true, Totals: &Totals{}}}
	const records = 1000
	for i := range records {
		r, err := NewTransfer(&c, &Transaction{ID: DeriveID([]byte{byte(i), byte(i >> 8)}), Sender: "wallet-a", Recipient: "wallet-b", Amount: 12_500_000})
		require.NoError(b, err)
		full.Records = append(full.Records, r)
	}
	full.Root = rootOf(full)
	second := full.Append(nil, 6)
	b.SetBytes(int64(len(second)))
	for b.Loop() {
		var v Verifier
		_, err := v.Next(first)
		require.NoError(b, err)
		_, err = v.Next(second)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
}
