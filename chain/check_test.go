package chain

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// checked is what CheckBlock makes of a chain's blocks.
func checked(t *testing.T, blocks [][]byte) (list []Checked) {
	t.Helper()
	var contract *Contract
	var id Hash
	for _, canonical := range blocks {
		c, err := CheckBlock(canonical, contract, id)
		require.NoError(t, err)
		if contract == nil {
			contract, id = c.Block.Contract, c.Hash
		}
		list = append(list, c)
	}
	return list
}

func TestBlocksCheckedInAnyOrderLink(t *testing.T) {
	blocks := forge(nil)
	list := checked(t, blocks)
	var v Verifier
	for i, c := range list {
		require.Equal(t, blocks[i], c.Canonical)
		require.Equal(t, HashBytes(blocks[i]), c.Hash)
		require.NoError(t, v.Link(c))
		require.Equal(t, uint64(i+1), v.Length())
		require.Equal(t, c.Hash, v.Tip())
	}
}

func TestAResumedVerifierGoesOnAsTheOneBefore(t *testing.T) {
	list := checked(t, forge(nil))
	v := ResumeVerifier(Info{})
	for i, c := range list {
		require.NoError(t, v.Link(c))
		require.Error(t, v.Link(c), "once more")
		b := c.Block
		v = ResumeVerifier(Info{Contract: *list[0].Block.Contract, ID: list[0].Hash, Length: b.Index, Tip: c.Hash, TipTimestamp: b.Timestamp})
		require.Equal(t, uint64(i+1), v.Length())
	}
}

func TestLinkRefusesWhatWasCheckedByOtherRules(t *testing.T) {
	blocks := forge(nil)
	list := checked(t, blocks)
	foreign := *list[0].Block.Contract
	foreign.OnRequest = !foreign.OnRequest
	otherRules, err := CheckBlock(blocks[1], &foreign, list[0].Hash)
	require.NoError(t, err)
	otherChain, err := CheckBlock(blocks[1], list[0].Block.Contract, DeriveID(nil))
	require.NoError(t, err)
	var v Verifier
	require.NoError(t, v.Link(list[0]))
	for _, c := range []Checked{otherRules, otherChain, {Block: list[1].Block, Canonical: blocks[1], Hash: list[1].Hash}} {
		require.ErrorIs(t, v.Link(c), ErrInvalid)
	}
	require.NoError(t, v.Link(list[1]))
}

func TestCheckBlockRefusesGenesisOutOfPlace(t *testing.T) {
	blocks := forge(nil)
	genesis := checked(t, blocks[:1])[0]
	_, err := CheckBlock(blocks[1], nil, Hash{})
	require.ErrorContains(t, err, "block 2: does_not_verify: index is 2, expected 1")
	_, err = CheckBlock(blocks[0], genesis.Block.Contract, genesis.Hash)
	require.ErrorContains(t, err, "genesis block only")
	bare := *genesis.Block
	bare.Contract = nil
	_, err = CheckBlock(bare.Append(nil, 6), genesis.Block.Contract, genesis.Hash)
	require.ErrorIs(t, err, ErrInvalid)
	_, err = CheckBlock([]byte(strings.Repeat(" ", MaxBlockBytes+1)), nil, Hash{})
	require.ErrorIs(t, err, ErrInvalid)
}

// drawRecord draws any record, sensible or not.
func drawRecord(t *rapid.T) Record {
	amount := rapid.Custom(func(t *rapid.T) Amount {
		return Amount(rapid.OneOf(rapid.Int64Range(0, 2000), rapid.Int64Range(0, int64(MaxUnits))).Draw(t, "units"))
	})
	text := rapid.SampledFrom([]string{"alice", "b", "", "~ ,{}:'"})
	if rapid.Bool().Draw(t, "wild") {
		text = rapid.OneOf(rapid.SampledFrom([]string{"alice", `quo"te`, `back\slash`, "ünï\x00code", "\U0001f600", "sender\": \"x"}), rapid.String())
	}
	id := rapid.Custom(func(t *rapid.T) ID { return DeriveID([]byte{rapid.Byte().Draw(t, "id")}) })
	r := Record{
		Kind: rapid.SampledFrom([]Kind{"", Transfer, Hold, Delivery, Refund, Issue, Rules, Spend, Burn, "gift"}).Draw(t, "kind"),
		ID:   id.Draw(t, "id"), BPSC: text.Draw(t, "bpsc"), Sender: text.Draw(t, "sender"), Recipient: text.Draw(t, "recipient"),
		HasMemo: rapid.Bool().Draw(t, "has memo"),
	}
	transfer := slices.Contains([]Kind{"", Transfer, Delivery}, r.Kind)
	plain := slices.Contains([]Kind{Issue, Spend, Burn}, r.Kind)
	if plain {
		r.Amount = amount.Draw(t, "amount")
	}
	if transfer {
		r.AmountBPSC, r.AmountReceive = amount.Draw(t, "fee"), amount.Draw(t, "rest")
	}
	if transfer || r.Kind == Hold {
		r.AmountSend = amount.Draw(t, "send")
	}
	if r.Kind == Refund {
		r.AmountRefund = amount.Draw(t, "refund")
		r.Reason = Rejected
	}
	if r.HasMemo {
		r.Memo = text.Draw(t, "memo")
	}
	if rapid.Bool().Draw(t, "signed") {
		r.Auth = &Auth{Nonce: text.Draw(t, "nonce"), Expires: Seconds(rapid.Int64Range(0, 1<<33).Draw(t, "expires")), PublicKey: PublicKey(id.Draw(t, "key"))}
		copy(r.Auth.Signature[7:], r.ID[:])
		r.Time = Micros(rapid.Int64Range(0, int64(MaxTimestamp)).Draw(t, "time"))
		r.HoldUntil = Seconds(rapid.Int64Range(0, 1<<33).Draw(t, "until"))
		r.Hold = id.Draw(t, "hold")
		r.Request = rapid.SampledFrom([]Kind{"", Transfer, Accept}).Draw(t, "request")
	}
	if rapid.IntRange(0, 3).Draw(t, "rules") == 0 {
		receive := ReceiveApprove
		r.Rules = &RulesChange{Receive: &receive}
	}
	return r
}

func TestTheFastReaderReadsWhatIsUsual(t *testing.T) {
	r := Record{Kind: Transfer, ID: DeriveID(nil), BPSC: OpenBPSC, Sender: "alice", Recipient: "bob", AmountSend: 1_000_000,
		AmountBPSC: 50, AmountReceive: 999_950, HasMemo: true, Memo: "rent, May", Time: 1_800_000_000_123_456,
		Auth: &Auth{Nonce: strings.Repeat("0a", 16), Expires: 1_800_000_100, PublicKey: PublicKey(DeriveID(nil)), Signature: Signature{1, 2}}}
	text := AppendRecord(nil, &r, 6)
	reader := recordReader{text: text, decimals: 6}
	var got Record
	end, ok := reader.read(0, &got)
	require.True(t, ok)
	require.Equal(t, len(text), end)
	require.Equal(t, r, got)
	for cut := range text {
		reader := recordReader{text: text[:cut], decimals: 6}
		_, ok := reader.read(0, &Record{})
		require.False(t, ok, "%s", text[:cut])
	}
}

// Whatever the fast reader reads is what the scanner reads, for canonical text.
func TestTheFastReaderAgreesWithTheScanner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		decimals := rapid.IntRange(0, MaxDecimals).Draw(t, "decimals")
		text := AppendRecord([]byte("xyz"), &r, decimals)
		slow, err := DecodeRecord(text[3:], decimals)
		reader := recordReader{text: append(text, ", more"...), decimals: decimals}
		var got Record
		end, ok := reader.read(3, &got)
		if !ok {
			return
		}
		require.Equal(t, len(text), end)
		if err == nil {
			require.Equal(t, slow, got)
		}
	})
}

// A block reads the same whichever way each of its records is read.
func FuzzFastReader(f *testing.F) {
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
		slow, err := scanBlock(text, decimals, false)
		good := err == nil && slow.encodesTo(text, decimals)
		b, err := DecodeBlock(text, decimals)
		require.Equal(t, good, err == nil)
		if good {
			require.Equal(t, slow.block, b)
		}
	})
}
