package jsonobject

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

func TestMembersAreAppended(t *testing.T) {
	text := AppendText([]byte(`{"items":[{`), "name", "a\"\n<ü>")
	text = AppendUint(text, "block", 7)
	text = AppendHash(text, "hash", chain.Hash{0xab})
	text = append(AppendKey(AppendRaw(text, "record", []byte(`{"amount": 1.50}`)), "final"), "true}]}"...)
	require.JSONEq(t, `{"items":[{"name":"a\"\n<ü>","block":7,"hash":"`+chain.Hash{0xab}.String()+`","record":{"amount":1.5},"final":true}]}`, string(text))
	require.Contains(t, string(text), `{"amount": 1.50}`, "not a byte of it is changed")
}
