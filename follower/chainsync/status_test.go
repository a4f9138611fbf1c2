package chainsync

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// The form of GET /v1/sync.
func TestReportAsJSON(t *testing.T) {
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	id := chain.HashBytes([]byte("genesis"))
	text, err := json.Marshal(Report{Version: "v", Chains: []ChainStatus{
		{Token: "aka", Length: 3, UpstreamLength: 4, Lag: 1, Upstreams: []UpstreamStatus{}},
		{Token: "usd", ChainID: id, LastContact: at, Length: 5,
			Upstreams: []UpstreamStatus{
				{URL: "http://a:1", Current: true, Refused: Refusal{Reason: SecondHistory, Detail: "a second block 2", At: at}},
				{URL: "http://b:1", Aside: at}},
			Refusals: map[Reason]uint64{SecondHistory: 1}, Evidence: []string{"usd-2.json"},
			CheckpointSize: 4, Signers: []string{"n1", "n3"}, Policy: PolicyGiven},
	}, Hidden: []Hidden{{Token: "aka", ChainID: id, Upstreams: []string{"http://a:1"}, Served: id}}})
	require.NoError(t, err)
	require.Equal(t, `{"version":"v","chains":[`+
		`{"contract":"aka","length":3,"upstream_length":4,"lag":1,"synced":false,"upstreams":[],"checkpoint_size":0},`+
		`{"contract":"usd","chain_id":"`+id.String()+`","length":5,"upstream_length":0,"lag":0,"synced":false,"last_contact":"2026-11-22T00:00:00Z",`+
		`"upstreams":[{"url":"http://a:1","current":true,"length":0,`+
		`"refused":{"reason":"`+string(SecondHistory)+`","detail":"a second block 2","at":"2026-11-22T00:00:00Z"}},`+
		`{"url":"http://b:1","current":false,"length":0,"set_aside_until":"2026-11-22T00:00:00Z"}],`+
		`"refusals":{"`+string(SecondHistory)+`":1},"evidence":["usd-2.json"],`+
		`"checkpoint_size":4,"signers":["n1","n3"],"policy":"given"}],`+
		`"hidden":[{"contract":"aka","chain_id":"`+id.String()+`","upstreams":["http://a:1"],"served_chain_id":"`+id.String()+`"}]}`, string(text))
}
