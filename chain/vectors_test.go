package chain

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// vector is one block of the tutorial's form, as Python wrote it.
type vector struct {
	Decimals  int      `json:"decimals"`
	FeePPM    int64    `json:"fee_ppm"`
	Timestamp Micros   `json:"timestamp_micros"`
	Amounts   []Amount `json:"amounts_units"`
	Canonical string   `json:"canonical"`
	SHA256    string   `json:"sha256"`
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/canonical-blocks.json")
	require.NoError(t, err)
	var vectors []vector
	require.NoError(t, json.Unmarshal(data, &vectors))
	require.Len(t, vectors, 300)
	return vectors
}

func TestVectorsDecodeAndEncodeToTheSameBytes(t *testing.T) {
	for i, v := range readVectors(t) {
		b, err := DecodeBlock([]byte(v.Canonical), v.Decimals)
		require.NoError(t, err, "vector %d", i)
		require.Equal(t, v.Canonical, string(b.Append(nil, v.Decimals)))
		require.Equal(t, v.SHA256, HashBytes([]byte(v.Canonical)).String())
		require.Equal(t, v.Timestamp, b.Timestamp)
		require.Len(t, b.Records, len(v.Amounts))
	}
}

func TestVectorsEncodeFromUnitsAndFields(t *testing.T) {
	for i, v := range readVectors(t) {
		// Text fields come from another JSON reader than our own; amounts and
		// times from base units through our arithmetic.
		var fields struct {
			Index        uint64 `json:"index"`
			PreviousHash string `json:"previous_hash"`
			Transactions []struct {
				BPSC, Sender, Recipient string
				ID                      string
				Memo                    *string
			} `json:"transactions"`
		}
		require.NoError(t, json.Unmarshal([]byte(v.Canonical), &fields))
		b := Block{Header: Header{Index: fields.Index, PreviousHash: fields.PreviousHash, Timestamp: v.Timestamp}}
		for j, f := range fields.Transactions {
			fee := Fee(v.Amounts[j], v.FeePPM)
			r := Record{BPSC: f.BPSC, Sender: f.Sender, Recipient: f.Recipient,
				AmountSend: v.Amounts[j], AmountBPSC: fee, AmountReceive: v.Amounts[j] - fee}
			if f.ID != "" {
				id, err := ParseHash(f.ID)
				require.NoError(t, err)
				r.ID = id
			}
			if f.Memo != nil {
				r.HasMemo, r.Memo = true, *f.Memo
			}
			b.Records = append(b.Records, r)
		}
		require.Equal(t, v.Canonical, string(b.Append(nil, v.Decimals)), "vector %d", i)
	}
}
