package decision

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
)

// There are outcomes only of items that were ordered, and results of all.
func TestResultsStandInTheOrderOfTheItems(t *testing.T) {
	drafts := make([]intake.Draft, 5)
	for i := range drafts {
		drafts[i].Tx.ID = chain.DeriveID([]byte{byte(i)})
	}
	drafts[1].Refused = chain.AmountInvalid
	drafts[4].Drawn = "k4"
	outcomes := []chain.Outcome{
		{Block: 2, Record: chain.Record{Kind: chain.Transfer}},
		{Refused: chain.InsufficientFunds},
		{Block: 3, Replay: true, Record: chain.Record{Kind: chain.Hold}},
		{Err: outcome.Unknown},
	}
	text := append(AppendResults([]byte{}, drafts, outcomes, []chain.Code{"", "", chain.HoldRefunded, ""}), '}')
	var answer struct {
		Results []struct {
			ID, Status, Code, Key, Resolved string
			Block                           uint64
			Replay, Retryable               bool
		}
	}
	require.NoError(t, json.Unmarshal(text, &answer), string(text))
	got := answer.Results
	require.Len(t, got, len(drafts))
	require.Equal(t, []string{final, refused, refused, final, unknown}, []string{got[0].Status, got[1].Status, got[2].Status, got[3].Status, got[4].Status})
	require.Equal(t, []string{"", string(chain.AmountInvalid), string(chain.InsufficientFunds), "", string(outcome.Unknown)},
		[]string{got[0].Code, got[1].Code, got[2].Code, got[3].Code, got[4].Code})
	require.Empty(t, got[1].ID, "it has none")
	require.Equal(t, drafts[4].Tx.ID.String(), got[4].ID)
	require.Equal(t, "k4", got[4].Key)
	require.True(t, got[4].Retryable)
	require.Equal(t, string(chain.HoldRefunded), got[3].Resolved)
	require.True(t, got[3].Replay)
	require.Equal(t, []uint64{2, 0, 0, 3, 0}, []uint64{got[0].Block, got[1].Block, got[2].Block, got[3].Block, got[4].Block})
}
