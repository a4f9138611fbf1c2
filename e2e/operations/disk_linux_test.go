package operations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// Bounds of "The disk fills up, or stalls".
const (
	stallBound = 6 * time.Second  // until another member leads than one whose disk hangs
	stallEnd   = 20 * time.Second // until that one gives up
)

// The leader's disk stops answering while the cluster is under load: another member
// leads within seconds, the one that hangs gives up, and nothing that was acknowledged
// is lost. When the disk is back and the member is started it is as before.
func TestTheLeadersDiskStalls(t *testing.T) {
	long(t)
	c, volumes := startOnVolumes(t, 256, "--min-free", "16MiB")
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: 1, Attempt: 2 * time.Second})
	if err := load.AwaitMore(t.Context(), 500); err != nil {
		t.Fatal(err)
	}
	old, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	volumes[old.ID].freeze()
	_, took := awaitOtherLeader(t, c, old, stallBound)
	if err := load.AwaitMore(t.Context(), 500); err != nil {
		t.Fatal(err)
	}
	err = harness.Until(t.Context(), stallEnd, old.ID+" gives up", func(context.Context) error {
		if said := old.LogTail(20); !strings.Contains(said, "takes longer than 10s: the disk hangs") {
			return errors.New(said)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the disk of %s stalled; another member led %v later", old.ID, took.Round(time.Millisecond))
	volumes[old.ID].thaw() // until then the kernel does not let it end
	if code, err := old.AwaitExit(t.Context(), 10*time.Second); err != nil || code != 70 {
		t.Errorf("it ended with %d, %v", code, err)
	}
	if said := old.LogTail(20); !strings.Contains(said, "nothing in it is known to be damaged") {
		t.Errorf("it says:\n%s", said)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	sent, err := load.Stop()
	if err != nil {
		t.Fatal(err)
	}
	verifyAll(t, c, sent)
}

// A disk that only pauses costs its member the leadership, and nothing else.
func TestTheLeadersDiskPauses(t *testing.T) {
	long(t)
	c, volumes := startOnVolumes(t, 256, "--min-free", "16MiB")
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: 2, Attempt: 2 * time.Second})
	if err := load.AwaitMore(t.Context(), 500); err != nil {
		t.Fatal(err)
	}
	old, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	volumes[old.ID].freeze()
	awaitOtherLeader(t, c, old, stallBound)
	volumes[old.ID].thaw()
	if err := c.AwaitReady(t.Context(), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	if !old.Alive() {
		t.Errorf("%s ended", old.ID)
	}
	sent, err := load.Stop()
	if err != nil {
		t.Fatal(err)
	}
	verifyAll(t, c, sent)
}

// The disks fill up under load: of the leader, of one that follows, of all. Each time
// the fence comes first, nobody ends, not even where nothing is left at all for a
// while, and with room everything goes on by itself.
func TestTheDisksFillUp(t *testing.T) {
	long(t)
	const reserve, short, none = "32MiB", 28 << 20, 1 << 20
	c, volumes := startOnVolumes(t, 256, "--min-free", reserve)
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: 3, Attempt: 2 * time.Second})
	more := func(n int) {
		t.Helper()
		if err := load.AwaitMore(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	refuses := func(m *harness.Member) {
		t.Helper()
		err := harness.Until(t.Context(), 15*time.Second, m.ID+" refuses writes and serves reads", func(ctx context.Context) error {
			status, err := post(ctx, c, m)
			read := harness.Get(ctx, c.HTTP, m.URL+"/v1/contracts/aka?consistency=local", nil)
			if err != nil || read != nil || status != http.StatusServiceUnavailable {
				return fmt.Errorf("%d, %v, %v", status, err, read)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	recover := func() {
		t.Helper()
		for _, v := range volumes {
			v.leave(-1)
		}
		if err := c.AwaitReady(t.Context(), 30*time.Second); err != nil {
			t.Fatal(err)
		}
		more(200)
	}
	more(200)
	leader, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, free := range []int64{short, none} {
		volumes[leader.ID].leave(free)
		refuses(leader)
		other, took := awaitOtherLeader(t, c, leader, 10*time.Second)
		t.Logf("the leader's disk has %d MiB left: %s leads after %v", free>>20, other.ID, took.Round(time.Millisecond))
		more(200)
		recover()

		leader = other
		follows := c.Members[0]
		if follows.ID == leader.ID {
			follows = c.Members[1]
		}
		volumes[follows.ID].leave(free)
		refuses(follows)
		more(200)
		recover()

		for _, v := range volumes {
			v.leave(free)
		}
		for _, m := range c.Members {
			refuses(m)
		}
		recover()
		if leader, err = c.Leader(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range c.Members {
		if !m.Alive() {
			t.Errorf("%s ended", m.ID)
		}
	}
	sent, err := load.Stop()
	if err != nil {
		t.Fatal(err)
	}
	verifyAll(t, c, sent)
}

// A burst of writes does not leave a large log behind.
func TestTheLogAfterABurst(t *testing.T) {
	long(t)
	for store, log := range map[string]string{"bolt": "raft.db", "wal": "wal"} {
		t.Run(store, func(t *testing.T) { burst(t, store, log) })
	}
}

func burst(t *testing.T, store, log string) {
	const (
		bound = 512 << 20 // of the log at any time: LogBytes, what comes within a second, and what bbolt cannot use
		burst = 700 << 20
	)
	c := startCluster(t, harness.Options{Members: 1, Args: []string{"--log-store", store}})
	m := c.Members[0]
	file := func() (size int64) {
		_ = filepath.WalkDir(filepath.Join(m.Data, "raft", log), func(_ string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return nil // segments go meanwhile
			}
			if info, err := e.Info(); err == nil {
				size += info.Size()
			}
			return nil
		})
		return size
	}
	one := fmt.Sprintf(`{"sender":"a","recipient":"b","amount":1,"memo":%q}`, strings.Repeat("m", 200))
	body := `{"transactions":[` + strings.TrimSuffix(strings.Repeat(one+",", 10_000), ",") + `]}`
	largest := int64(0)
	for sent := 0; sent < burst; sent += len(body) {
		answer, err := c.HTTP.Post(m.URL+"/v1/transactions:batch", "application/json", strings.NewReader(body))
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatal(answer, err)
		}
		_ = answer.Body.Close()
		largest = max(largest, file())
	}
	t.Logf("after %d MiB of transactions the log has %d MiB, %d MiB at most", burst>>20, file()>>20, largest>>20)
	if largest > bound {
		t.Errorf("the log had %d MiB", largest>>20)
	}
	// Small entries push the large ones out, and then the file becomes small again.
	err := harness.Until(t.Context(), 3*time.Minute, "the log is small", func(ctx context.Context) error {
		for range 200 {
			if status, err := post(ctx, c, m); err != nil || status != http.StatusCreated {
				return fmt.Errorf("%d, %v", status, err)
			}
		}
		if size := file(); size > 96<<20 {
			return fmt.Errorf("it has %d MiB", size>>20)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("later it has %d MiB", file()>>20)
	if err := m.Terminate(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.AwaitExit(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if size := file(); size > 96<<20 {
		t.Errorf("after a restart it has %d MiB", size>>20)
	}
}
