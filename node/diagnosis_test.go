package node

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/follower/chainsync"
)

// What is secret, or may be, is in no diagnosis, wherever it was put.
func TestSettingsAreShownWithoutSecrets(t *testing.T) {
	const canary = "canary"
	m := DefaultMemberConfig()
	m.OperatorSecret = canary + "-operators-secret"
	m.Advertise = "http://user:" + canary + "@host:1/?key=" + canary
	m.Peers = []roster.Peer{{ID: "n1", Addr: "127.0.0.1:1"}}
	m.Witnesses = []proof.Cosigner{{Name: "w", URL: "https://" + canary + ":" + canary + "@witness/#" + canary}}
	f := DefaultFollowerConfig()
	f.OperatorSecret = m.OperatorSecret
	f.Sources = []chainsync.Source{{Token: "aka", Upstreams: []string{"http://u:" + canary + "@up:1", "http://\x7f" + canary}}}
	for _, shown := range []map[string]string{m.shown(&m.Access), f.shown(&f.Access)} {
		text := fmt.Sprint(shown)
		if strings.Contains(text, canary) || shown["operator-secret"] != "set" {
			t.Errorf("%s", text)
		}
		if !strings.Contains(text, "witness") && !strings.Contains(text, "http://up:1") {
			t.Errorf("what is not secret is shown: %s", text)
		}
	}
	m.OperatorSecret = ""
	if got := m.shown(&m.Access)["operator-secret"]; got != "not set" {
		t.Error(got)
	}
}

func TestAMembersDiagnosis(t *testing.T) {
	cfg := configs(t, 1)[0]
	cfg.Version, cfg.RecentLog = "v9", func() []byte { return []byte("a line\n") }
	m := start(t, cfg)
	ready(t, m.WaitReady)
	d := memberDiagnosis{m, time.Now()}
	got := d.Diagnose()
	if got.ID != "n1" || got.Version != "v9" || got.Ready != "" || got.Process.PID != os.Getpid() || got.Process.OpenFileLimit == 0 ||
		got.Disk.Free == 0 || got.Disk.Bytes["raft.db"] == 0 || got.Log.Writes == 0 || got.Log.WriteP99 < got.Log.WriteP50 || got.Log.Heartbeat != 1000 {
		text, _ := json.MarshalIndent(got, "", " ")
		t.Errorf("%s", text)
	}
	if string(d.RecentLog()) != "a line\n" {
		t.Errorf("%q", d.RecentLog())
	}
}
