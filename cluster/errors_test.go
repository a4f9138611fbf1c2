package cluster

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/raft"
)

// Which of raft's errors leaves an outcome open decides whether a payment may
// be repeated.
func TestTranslate(t *testing.T) {
	tests := []struct {
		err  error
		want error
	}{
		{nil, nil},
		{raft.ErrNotLeader, ErrNoLeader},
		{raft.ErrEnqueueTimeout, ErrNoLeader},
		{raft.ErrLeadershipTransferInProgress, ErrNoLeader},
		{raft.ErrAbortedByRestore, ErrNoLeader},
		{raft.ErrLeadershipLost, ErrOutcomeUnknown},
		{raft.ErrRaftShutdown, ErrOutcomeUnknown},
		{errors.New("write raft.db: no space left on device"), ErrOutcomeUnknown},
		{context.DeadlineExceeded, ErrOutcomeUnknown},
		{context.Canceled, ErrOutcomeUnknown},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.err), func(t *testing.T) {
			got := translate(tt.err)
			if !errors.Is(got, tt.want) || (tt.want != nil && !errors.Is(got, tt.err)) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if errors.Is(got, ErrNoLeader) && errors.Is(got, ErrOutcomeUnknown) {
				t.Errorf("%v is of both classes", got)
			}
		})
	}
}
