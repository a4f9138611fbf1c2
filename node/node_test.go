package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/node/folder"
)

// limit is how long anything here may take.
const limit = 20 * time.Second

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := harness.FreePort()
	require.NoError(t, err)
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// configs are those of a cluster of n.
func configs(t *testing.T, n int) (all []MemberConfig) {
	t.Helper()
	contract, err := chain.DecodeNewContract([]byte(`{"token": "gold", "wallets": "open"}`))
	require.NoError(t, err)
	var peers []roster.Peer
	for i := range n {
		peers = append(peers, roster.Peer{ID: fmt.Sprint("n", i+1), Addr: freeAddress(t)})
	}
	for _, p := range peers {
		cfg := DefaultMemberConfig()
		cfg.ID, cfg.Peers, cfg.TwoVoters, cfg.Contract = p.ID, peers, n == 2, &contract
		cfg.Data, cfg.Listen, cfg.Files = filepath.Join(t.TempDir(), p.ID), freeAddress(t), 1024
		cfg.Logger = slog.New(slog.DiscardHandler)
		all = append(all, cfg)
	}
	return all
}

func start(t *testing.T, cfg MemberConfig) *Member {
	t.Helper()
	m, err := StartMember(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Stop(context.Background()) })
	return m
}

func ready(t *testing.T, wait func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	require.NoError(t, wait(ctx))
}

func get(url string) (status int, err error) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

// Nodes share nothing but the process.
func TestNodesOfOneProcess(t *testing.T) {
	var members []*Member
	var urls []string
	for _, cfg := range configs(t, 3) {
		members = append(members, start(t, cfg))
		urls = append(urls, "http://"+cfg.Listen)
	}
	for _, m := range members {
		ready(t, m.WaitReady)
	}
	cfg := DefaultFollowerConfig()
	cfg.Data, cfg.Listen, cfg.Files = t.TempDir(), "127.0.0.1:0", 1024
	cfg.Sources = []chainsync.Source{{Upstreams: urls}}
	cfg.Logger = slog.New(slog.DiscardHandler)
	f, err := StartFollower(t.Context(), cfg)
	require.NoError(t, err)
	ready(t, f.WaitReady)
	for _, url := range append(urls, "http://"+f.Addr().String()) {
		for _, path := range []string{"/v1/contracts/gold", "/metrics"} {
			status, err := get(url + path)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status, url+path)
		}
	}
	require.Len(t, f.Status(), 1)
	require.NoError(t, f.Stop(t.Context()))
	require.NoError(t, f.Wait())
	for _, m := range members {
		require.NoError(t, m.Stop(t.Context()))
		require.NoError(t, m.Stop(t.Context()), "again")
	}
	again := members[0].cfg
	require.NoError(t, start(t, again).Stop(t.Context()), "its folder and its addresses are free")
}

// A member that cannot trust itself is cut off: the others go on without it, and
// its folder says that it did not stop in order.
func TestAFatalErrorCutsAMemberOff(t *testing.T) {
	all := configs(t, 3)
	var members []*Member
	for _, cfg := range all {
		members = append(members, start(t, cfg))
	}
	for _, m := range members {
		ready(t, m.WaitReady)
	}
	leads := func() *Member {
		for _, m := range members {
			if m.cluster.IsLeader() {
				return m
			}
		}
		return nil
	}
	var bad *Member
	require.NoError(t, harness.Until(t.Context(), limit, "one leads", func(context.Context) error {
		if bad = leads(); bad == nil {
			return errors.New("none does")
		}
		return nil
	}))
	mounted := httptest.NewServer(bad.Handler())
	defer mounted.Close()
	go bad.distrust(bad)(errors.New("a bit is wrong"))
	select {
	case <-bad.Done():
	case <-time.After(limit):
		t.Fatal("it goes on")
	}
	require.ErrorIs(t, bad.Wait(), ErrFatal)
	require.ErrorContains(t, bad.Wait(), "What to do")
	require.ErrorIs(t, bad.Stop(t.Context()), ErrFatal)
	_, err := get("http://" + bad.cfg.Listen + "/livez")
	require.Error(t, err)
	status, err := get(mounted.URL + "/livez")
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.NoError(t, harness.Until(t.Context(), limit, "another one leads", func(context.Context) error {
		for _, m := range members {
			if m != bad && m.cluster.IsLeader() {
				return nil
			}
		}
		return errors.New("none does")
	}))
	noted, err := os.ReadFile(filepath.Join(bad.cfg.Data, "LOCK"))
	require.NoError(t, err)
	require.NotEmpty(t, noted)
}

// What makes a member stop by itself is an error of Wait.
func TestAMemberOfAnotherContractStopsByItself(t *testing.T) {
	cfg := configs(t, 1)[0]
	m := start(t, cfg)
	ready(t, m.WaitReady)
	require.NoError(t, m.Stop(t.Context()))
	other, err := chain.DecodeNewContract([]byte(`{"token": "silver", "wallets": "open"}`))
	require.NoError(t, err)
	cfg.Contract, cfg.ContractFile = &other, "silver.json"
	_, err = StartMember(t.Context(), cfg)
	require.ErrorIs(t, err, ErrUsage)
	require.ErrorContains(t, err, "silver.json")
	require.NoError(t, os.RemoveAll(filepath.Join(cfg.Data, folder.State)))
	m = start(t, cfg) // it learns of the contract from its log
	select {
	case <-m.Done():
	case <-time.After(limit):
		t.Fatal("it goes on")
	}
	require.ErrorIs(t, m.Wait(), ErrUsage)
}

// Whoever gives up on a start gets the folder back later.
func TestAStartThatIsGivenUp(t *testing.T) {
	cfg := configs(t, 1)[0]
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m, err := StartMember(ctx, cfg)
	if err == nil { // it was faster
		require.NoError(t, m.Stop(t.Context()))
	} else {
		require.ErrorIs(t, err, context.Canceled)
	}
	require.NoError(t, harness.Until(t.Context(), limit, "the folder is free", func(context.Context) error {
		m, err = StartMember(t.Context(), cfg)
		return err
	}))
	require.NoError(t, m.Stop(t.Context()))
}

// A member's own address is where it listens for the others.
func TestDefaultsOfAMember(t *testing.T) {
	cfg := configs(t, 3)[1]
	cc := cfg.clusterConfig()
	require.Equal(t, cfg.Peers[1].Addr, cc.Bind)
	require.EqualValues(t, 100, cc.PromoteLag, "a member under load is never at the last entry")
	require.Equal(t, 5*time.Second, cc.PromoteAfter)
	cfg.Listen = ""
	require.ErrorContains(t, cfg.Validate(), "--advertise")
	cfg.Advertise = "http://127.0.0.1:5000"
	require.NoError(t, cfg.Validate())
	cfg.OperatorSecret = "short"
	require.ErrorContains(t, cfg.Validate(), "secret")
}
