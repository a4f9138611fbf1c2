package client

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClusterEvents(t *testing.T) {
	c, requests := asked(t, 200, `{"member":"n1","began":"2027-01-15T08:00:00Z","next":8,"items":[
		{"number":8,"time":"2027-01-15T08:00:02Z","kind":"leader","term":2,"member":"n2","text":"n2 leads in term 2"}]}`)
	page, err := c.ClusterEvents(t.Context(), 7, 1)
	require.NoError(t, err)
	require.Equal(t, []string{"GET /v1/cluster/events?after=7&limit=1 "}, *requests)
	began := time.Date(2027, 1, 15, 8, 0, 0, 0, time.UTC)
	require.Equal(t, ClusterEvents{Member: "n1", Began: began, Next: 8, Items: []ClusterEvent{
		{Number: 8, Time: began.Add(2 * time.Second), Kind: "leader", Term: 2, Member: "n2", Text: "n2 leads in term 2"}}}, page)
	_, err = c.ClusterEvents(t.Context(), 0, 0)
	require.NoError(t, err)
	require.Equal(t, "GET /v1/cluster/events ", (*requests)[1])
}
