package operations

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// survey asks a member that is stopped what it has.
func survey(t *testing.T, c *harness.Cluster, m *harness.Member) (has struct {
	Member, Has string
	Voters      []string
},
) {
	t.Helper()
	out := works(t, c, "cluster", "recover", "--data", m.Data, "--dry-run", "-o", "json")
	must(t, json.Unmarshal([]byte(out), &has))
	return has
}

// Of three members two are lost with all that they had. The third goes on alone, grows
// to three again, and the chain says who did it.
func TestAMajorityIsLost(t *testing.T) {
	long(t)
	c := startCluster(t, harness.Options{Args: soon})
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 4, Seed: 6})
	must(t, load.AwaitMore(t.Context(), 200))
	sent, err := load.Stop()
	must(t, err)
	verifyAll(t, c, sent) // each of them has all

	n1 := c.Members[0]
	must(t, c.Members[1].Erase(), c.Members[2].Erase(), n1.Terminate())
	if code, err := n1.AwaitExit(t.Context(), 20*time.Second); err != nil || code != 0 {
		t.Fatalf("n1 ended with %d, %v", code, err)
	}
	if has := survey(t, c, n1); has.Member != "n1" || strings.Join(has.Voters, " ") != "n1 n2 n3" {
		t.Errorf("%+v", has)
	}
	out := works(t, c, "cluster", "recover", "--data", n1.Data, "--members", "n1="+n1.Raft, "--by", "the operator", "--reason", "two disks burnt")
	if !strings.Contains(out, "n1 goes on with n1") {
		t.Error(out)
	}
	must(t, n1.Start())
	rest := c.Without(c.Members[1]).Without(c.Members[2])
	must(t, rest.AwaitReady(t.Context(), 30*time.Second))
	awaitVoters(t, rest, "n1")
	verifyAll(t, rest, sent)

	n4 := grow(t, rest)
	works(t, rest, "cluster", "add", n4.ID, n4.Raft, "--two-voters")
	n5 := grow(t, rest)
	works(t, rest, "cluster", "add", n5.ID, n5.Raft)
	must(t, rest.AwaitReady(t.Context(), 30*time.Second))
	more := rest.StartLoad(t.Context(), harness.LoadOptions{Workers: 4, Seed: 7})
	_, err = rest.KillLeader(t.Context(), more)
	must(t, err, more.AwaitMore(t.Context(), 50), rest.Start(t.Context()))
	sentMore, err := more.Stop()
	must(t, err)
	verifyAll(t, rest, append(sent, sentMore...))
}

// Of five three are lost. What the two that are left have differs: the one that has
// less may not be taken for the one that has most.
func TestOfWhatIsLeftTheOneWithTheMostGoesOn(t *testing.T) {
	long(t)
	c := startCluster(t, harness.Options{Members: 5, Args: soon})
	n1, n2 := c.Members[0], c.Members[1]
	if leader, _ := view(t, c); leader == n2 {
		works(t, c, "cluster", "transfer-leader", "n3")
	}
	must(t, n2.Kill())
	load := c.Without(n2).StartLoad(t.Context(), harness.LoadOptions{Workers: 4, Seed: 8})
	must(t, load.AwaitMore(t.Context(), 100))
	sent, err := load.Stop()
	must(t, err)
	verifyAll(t, c.Without(n2), sent)
	must(t, c.KillAll())

	most := survey(t, c, n1).Has
	args := func(m *harness.Member, most string) []string {
		return []string{
			"cluster", "recover", "--data", m.Data, "--members", "n1=" + n1.Raft + ",n2=" + n2.Raft, "--most", most,
			"--by", "the operator", "--reason", "three disks burnt",
		}
	}
	if s := bpsc(t, c, args(n1, survey(t, c, n2).Has)...); s.code != exitRejected {
		t.Errorf("n1 let less be the most: %d %s", s.code, s.err)
	}
	works(t, c, args(n1, most)...)
	works(t, c, args(n2, most)...)
	rest := &harness.Cluster{Members: c.Members[:2], HTTP: c.HTTP}
	must(t, rest.Start(t.Context()))
	verifyAll(t, rest, sent)
	must(t, c.Members[2].Start())
	ended(t, &c.Members[2].Process, exitRemoved, "removed from its cluster")
}
