package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/internal/outcome"
)

// Which of raft's errors leaves an outcome open decides whether a payment may
// be repeated.
func TestTranslate(t *testing.T) {
	tests := []struct {
		err  error
		want error
	}{
		{nil, nil},
		{raft.ErrNotLeader, outcome.NoLeader},
		{raft.ErrEnqueueTimeout, outcome.NoLeader},
		{raft.ErrLeadershipTransferInProgress, outcome.NoLeader},
		{raft.ErrAbortedByRestore, outcome.NoLeader},
		{raft.ErrLeadershipLost, outcome.Unknown},
		{raft.ErrRaftShutdown, outcome.Unknown},
		{errors.New("write raft.db: no space left on device"), outcome.Unknown},
		{context.DeadlineExceeded, outcome.Unknown},
		{context.Canceled, outcome.Unknown},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.err), func(t *testing.T) {
			got := Translate(tt.err)
			if !errors.Is(got, tt.want) || (tt.want != nil && !errors.Is(got, tt.err)) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if errors.Is(got, outcome.NoLeader) && errors.Is(got, outcome.Unknown) {
				t.Errorf("%v is of both classes", got)
			}
		})
	}
}
