package fsm

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// goldenRequests pins the bytes of the log: a binary that reads them otherwise
// would make another state of an old log.
func goldenRequests() map[string]*request {
	id := chain.DeriveID([]byte("x"))
	limit, frozen, receive, key := chain.Amount(5), false, chain.ReceiveApprove, chain.PublicKey{1}
	auth := &chain.Auth{Nonce: "00ff", Expires: 1_800_000_000, PublicKey: chain.PublicKey{2}, Signature: chain.Signature{3}}
	return map[string]*request{
		"0a0c":             nil, // an unknown kind
		"1a050a03616b61":   {kind: produceKind, token: "aka"},
		"22040a027b7d":     {kind: createKind, contract: []byte("{}")},
		"22060a027b7d1001": {kind: createKind, contract: []byte("{}"), first: true},
		"2a150a06613a353030300a06623a3530303012036e6574": {kind: registerKind, nodes: []string{"a:5000", "b:5000"}, from: "net"},
		"42080a06613a35303030":                           {kind: removeKind, node: "a:5000"},
		"32060a016e120175":                               {kind: announceKind, member: "n", url: "u"},
		"32090a016e1201751a016b":                         {kind: announceKind, member: "n", url: "u", key: "k"},
		"3a540a03616b6112016e1807222000000000000000000000000000000000000000000000000000000000000000092a20" +
			"00000000000000000000000000000000000000000000000000000000000000083204e2809420": {kind: attestKind, token: "aka", attest: chain.Attestation{
			Member: "n", Size: 7, Root: chain.Hash{31: 9}, Digest: chain.Hash{31: 8}, Cosignature: "— "}},
		"12340a03616b61122d0a202d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a48811201611a016220" +
			"072a016d": submitRequest("aka", chain.Transaction{ID: id, Sender: "a", Recipient: "b", Amount: 7, Memo: "m"}),
		"12cf040a03616b6112a4010a202d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a48811201611a01" +
			"6220073204686f6c64380952700a04303066661080a4a7da061a200200000000000000000000000000000000000000000000" +
			"0000000000000000002240030000000000000000000000000000000000000000000000000000000000000000000000000000" +
			"0000000000000000000000000000000000000000000000000012c5010a202d711642b726b04401627ca9fbac32f5c8530fb1" +
			"903cc4db02258717921a48811201611a002000320661636365707442202d711642b726b04401627ca9fbac32f5c8530fb190" +
			"3cc4db02258717921a488152700a04303066661080a4a7da061a200200000000000000000000000000000000000000000000" +
			"0000000000000000002240030000000000000000000000000000000000000000000000000000000000000000000000000000" +
			"0000000000000000000000000000000000000000000000000012d8010a202d711642b726b04401627ca9fbac32f5c8530fb1" +
			"903cc4db02258717921a48811201611a002000320572756c65734a340a07617070726f7665100518052220010000000000" +
			"00000000000000000000000000000000000000000000000000002a0163300052700a04303066661080a4a7da061a20020000" +
			"0000000000000000000000000000000000000000000000000000000000224003000000000000000000000000000000000000" +
			"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000": submitRequest("aka", chain.Transaction{ID: id, Kind: chain.Hold, Sender: "a", Recipient: "b", Amount: 7, HoldUntil: 9, Auth: auth},
			chain.Transaction{ID: id, Kind: chain.Accept, Sender: "a", Hold: id, Auth: auth},
			chain.Transaction{ID: id, Kind: chain.Rules, Sender: "a", Auth: auth,
				Rules: &chain.RulesChange{Receive: &receive, PerTransfer: &limit, PerDay: &limit, NewKey: &key, Account: "c", Frozen: &frozen}}),
	}
}

func TestRequestsKeepTheirBytes(t *testing.T) {
	for golden, r := range goldenRequests() {
		if r == nil {
			data, err := hex.DecodeString(golden)
			require.NoError(t, err)
			_, err = decodeRequest(data)
			require.Error(t, err)
			continue
		}
		data := r.encode()
		if want, err := hex.DecodeString(golden); err == nil {
			require.Equal(t, want, data, "%+v: %x", r, data)
		}
		back, err := decodeRequest(data)
		require.NoError(t, err)
		require.Equal(t, r, back)
	}
}

func TestAnswersRoundTrip(t *testing.T) {
	a := answer{refused: chain.NotFound, detail: "d", block: 4, outcomes: []outcome{
		{placement: store.Placement{Block: 2, Position: 1}, replay: true, completed: true, record: []byte("{}")},
		{placement: store.Placement{Refused: chain.Expired}},
	}}
	back, err := decodeAnswer(a.encode())
	require.NoError(t, err)
	require.Equal(t, a, back)
}

func TestAnUnknownRequestStopsTheMachine(t *testing.T) {
	for name, data := range map[string][]byte{
		"an unknown kind":  {0x7a, 0x00},
		"an unknown field": {0x1a, 0x02, 0x18, 0x01},
		"nothing":          {},
		"two in one":       append((&request{kind: produceKind, token: "a"}).encode(), (&request{kind: produceKind, token: "a"}).encode()...),
		"a fixed32":        {0x1d, 0, 0, 0, 0},
		"an id too short":  {0x12, 0x05, 0x12, 0x03, 0x0a, 0x01, 0x00},
	} {
		r := newRig(t)
		_, err := r.Apply(1, 1, [][]byte{data})
		require.ErrorIs(t, err, ErrUnknownRequest, name)
		_, err = r.Apply(2, 2, nil)
		require.Error(t, err, "a machine that has failed does nothing more")
	}
}

func FuzzDecodeRequest(f *testing.F) {
	for _, r := range goldenRequests() {
		if r != nil {
			f.Add(r.encode())
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRequest(data)
		if err != nil {
			return
		}
		again, err := decodeRequest(r.encode())
		require.NoError(t, err)
		require.Equal(t, r.encode(), again.encode())
	})
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add((&answer{block: 4, outcomes: []outcome{{replay: true}}}).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := decodeAnswer(data)
		if err != nil {
			return
		}
		again, err := decodeAnswer(a.encode())
		require.NoError(t, err)
		require.Equal(t, a.encode(), again.encode())
	})
}
