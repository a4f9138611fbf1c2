package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// Strangers, by HTTP and on the members' own port, cost no write and no election.
func TestACrowdOfStrangersCostsNothing(t *testing.T) {
	c := startCluster(t, harness.Options{Args: []string{"--heartbeat", "500ms"}}) // three members and the crowd on two cores
	leader, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := everybodyAnnounced(t, c, leader)

	ctx, leave := context.WithCancel(t.Context())
	var crowd sync.WaitGroup
	defer func() { leave(); crowd.Wait() }()
	arrived := make(chan struct{}, 2*crowdSize)
	for i := range crowdSize {
		m := before.Members[i%len(before.Members)]
		crowd.Go(func() { askForStatus(ctx, m.API, arrived) })
		crowd.Go(func() { waitOnPort(ctx, m.Raft, arrived) })
	}
	for range 2 * crowdSize {
		select {
		case <-arrived:
		case <-time.After(20 * time.Second):
			t.Fatal("the crowd does not get in")
		}
	}

	for i := range 80 {
		m := c.Members[i%len(c.Members)]
		transfer := harness.Transfer{Sender: "a", Recipient: "b", Amount: "1", Key: fmt.Sprint("crowd-", i)}
		if _, err := c.Submit(t.Context(), m.URL, transfer); err != nil {
			t.Errorf("write %d to %s: %v", i, m.ID, err)
		}
	}
	after, err := c.State(t.Context(), leader)
	if err != nil {
		t.Fatal(err)
	}
	if after.Term != before.Term || after.Leader != before.Leader {
		t.Errorf("%s led in term %d, now it is %s in term %d", before.Leader, before.Term, after.Leader, after.Term)
	}
	for _, m := range after.Members {
		if m.Role == "unreachable" {
			t.Errorf("%s does not reach %s", leader.ID, m.ID)
		}
	}
}

const crowdSize = 300

// everybodyAnnounced is the cluster once each member has told the others where
// its API is.
func everybodyAnnounced(t *testing.T, c *harness.Cluster, asked *harness.Member) (s harness.State) {
	t.Helper()
	err := harness.Until(t.Context(), 10*time.Second, "every member has told where its API is", func(ctx context.Context) (err error) {
		if s, err = c.State(ctx, asked); err != nil {
			return err
		}
		for _, m := range s.Members {
			if m.API == "" {
				return fmt.Errorf("%s has not", m.ID)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// askForStatus asks again and again, as fast as it is answered.
func askForStatus(ctx context.Context, url string, arrived chan<- struct{}) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	for first := true; ctx.Err() == nil; {
		err := harness.Get(ctx, client, url+"/v1/cluster", nil)
		if err == nil && first {
			first = false
			arrived <- struct{}{}
		}
	}
}

// waitOnPort connects, says nothing, and comes again when it is thrown out.
func waitOnPort(ctx context.Context, address string, arrived chan<- struct{}) {
	for first := true; ctx.Err() == nil; first = false {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			continue
		}
		if first {
			arrived <- struct{}{}
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		_, _ = conn.Read(make([]byte, 1))
		stop()
		_ = conn.Close()
	}
}
