package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

func TestLimitsFitTogether(t *testing.T) {
	require.Less(t, chain.MaxRecordBytes*2, maxBody, "every valid transaction must fit into a body")
	require.LessOrEqual(t, chain.BlockOverhead, maxBody, "every valid contract must fit into a body")
	require.LessOrEqual(t, 32*(255+20), maxBody, "every valid list of nodes must fit into a body")
	require.LessOrEqual(t, chain.MaxBlockRecords*500, maxBatchBody, "a full batch of ordinary transactions must fit into a body")
	require.Less(t, maxLongPoll, idleTimeout)
}
