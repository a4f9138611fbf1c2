package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/node"
)

// From where on something is a warning, or a failure.
const (
	// A clock that is more than clockWrong from the others' leads no cluster;
	// time servers keep machines within some milliseconds of each other.
	clockOff   = 100 * time.Millisecond
	clockWrong = time.Second

	// An fsync of a fifth of the heartbeat is as slow as may be usual, one of all
	// of it makes others elect a leader.
	slowFsync = 5

	// A member that lags so many entries takes seconds to have them.
	lagging = 1000

	// A witness that lags so many blocks has missed minutes of the busiest chain.
	witnessLagging = 1000

	// The files that a member may have open are shared with its clients.
	fewFiles = 4096

	// A log that has so many times the bytes of its entries keeps room of a burst.
	wastefulLog = 4
	largeLog    = 1 << 30
)

// check judges what was found out: the cluster first, then each of its members.
func (f *facts) check() (list []finding) {
	if f.cluster == nil && !slices.ContainsFunc(f.members, func(n nodeFacts) bool { return n.down == "" }) {
		list = append(list, finding{"cluster", failure, "no node answers: " + f.why, "name one that runs with --server; look at its process and its log"})
	}
	if f.cluster != nil {
		list = append(list, f.checkLeader(), f.checkQuorum())
	}
	for i := range f.members {
		list = append(list, f.members[i].check()...)
	}
	if f.cluster != nil {
		list = append(list, f.checkVersions())
	}
	list = append(list, f.checkDigests()...)
	list = append(list, f.checkWitnesses()...)
	return append(list, f.checkProbe(), f.checkBackup())
}

// view is the cluster as its leader sees it; where nobody leads, as the first member
// does that was asked. Others hear half a second later.
func (f *facts) view() *api.ClusterStatus {
	best := f.cluster
	for i := range f.members {
		c := f.members[i].cluster
		if c != nil && c.Leader == c.ID && (best.Leader != best.ID || c.Term > best.Term) {
			best = c
		}
	}
	return best
}

func (f *facts) checkLeader() finding {
	c := f.view()
	if c.Leader == "" {
		return finding{"leader", failure, fmt.Sprintf("none, in term %d", c.Term), "a majority of the voters has to run and to reach each other: see below which does not"}
	}
	return finding{"leader", fine, fmt.Sprintf("%s, in term %d", c.Leader, c.Term), ""}
}

// checkQuorum counts the voters that are reached.
func (f *facts) checkQuorum() finding {
	voters, reached := 0, 0
	for _, m := range f.view().Members {
		if !m.Voter {
			continue
		}
		voters++
		if m.Role != "unreachable" {
			reached++
		}
	}
	need := voters/2 + 1
	spare := reached - need
	value := fmt.Sprintf("%d of %d voters, needs %d", reached, voters, need)
	switch {
	case spare < 0:
		return finding{"quorum", failure, value + ": nothing can be written", "start the members that are down; where their disks are lost: bpsc cluster recover"}
	case reached < voters:
		return finding{"quorum", warning, fmt.Sprintf("%s, can lose %d", value, spare), "start the member that is down, or replace it: bpsc cluster replace"}
	case voters < 3:
		return finding{"quorum", warning, value + ", can lose 0", "three members survive the loss of one: bpsc cluster add"}
	}
	return finding{"quorum", fine, fmt.Sprintf("%s, can lose %d", value, spare), ""}
}

// checkVersions compares what members run.
func (f *facts) checkVersions() finding {
	by := map[string][]string{}
	for _, n := range f.members {
		if n.cluster != nil {
			by[n.cluster.Version] = append(by[n.cluster.Version], n.name)
		}
	}
	var texts []string
	for version, names := range by {
		texts = append(texts, cmp.Or(version, "unnamed")+" on "+strings.Join(names, ", "))
	}
	slices.Sort(texts)
	value := strings.Join(texts, "; ")
	if active, supports, ok := f.levels(); ok {
		value += fmt.Sprintf("; level %d of %d that all support", active, supports)
	}
	if len(texts) > 1 {
		return finding{"versions", warning, value, "finish the upgrade, or go back: not for long on both"}
	}
	return finding{"versions", fine, value, ""}
}

// levels are the level that is active and the highest that all members support, where
// members tell.
func (f *facts) levels() (active, supports release.Level, ok bool) {
	for i := range f.members {
		m := f.members[i].own()
		if m == nil || m.LevelSupported == 0 {
			continue
		}
		if !ok || m.LevelSupported < supports {
			supports = m.LevelSupported
		}
		active, ok = max(active, m.LevelActive), true
	}
	return active, supports, ok
}

// chains are what any member said of each chain, by token.
func (f *facts) chains() (tokens []string, by map[string][]api.ChainStatus) {
	by = map[string][]api.ChainStatus{}
	for i := range f.members {
		if d := f.members[i].diagnose; d != nil {
			for _, c := range d.Chains {
				if by[c.Token] == nil {
					tokens = append(tokens, c.Token)
				}
				by[c.Token] = append(by[c.Token], c)
			}
		}
	}
	slices.Sort(tokens)
	return tokens, by
}

// checkDigests compares what members say that their states come to at one block.
func (f *facts) checkDigests() (list []finding) {
	tokens, by := f.chains()
	compared := 0
	for _, token := range tokens {
		digests := map[uint64]map[string]string{} // by size and member
		for _, c := range by[token] {
			for _, a := range c.Attested {
				if a.Digest.IsZero() {
					continue
				}
				if digests[a.Size] == nil {
					digests[a.Size] = map[string]string{}
				}
				digests[a.Size][a.Who] = a.Digest.String()
			}
		}
		for size, of := range digests {
			var first string
			for _, who := range sortedKeys(of) {
				if first = cmp.Or(first, of[who]); of[who] != first {
					list = append(list, finding{"digests", failure, fmt.Sprintf("%s: the states of %s differ at block %d", token, strings.Join(sortedKeys(of), ", "), size),
						"keep the data of all of them; rebuild the one that differs from the others"})
					break
				}
			}
			compared += len(of)
		}
	}
	if len(list) == 0 && len(tokens) > 0 {
		list = append(list, finding{"digests", fine, fmt.Sprintf("%d statements on %d chains, none contradicts another", compared, len(tokens)), ""})
	}
	return list
}

// checkWitnesses tells how far witnesses are behind.
func (f *facts) checkWitnesses() (list []finding) {
	tokens, by := f.chains()
	for _, token := range tokens {
		var length uint64
		sizes := map[string]uint64{}
		for _, c := range by[token] {
			length = max(length, c.Length)
			for _, a := range c.Attested {
				if name, is := strings.CutPrefix(a.Who, "witness/"); is {
					sizes[name] = max(sizes[name], a.Size)
				}
			}
		}
		for _, name := range sortedKeys(sizes) {
			lag := length - min(length, sizes[name])
			value := fmt.Sprintf("%s: %s is %d blocks behind", name, token, lag)
			if lag > witnessLagging {
				list = append(list, finding{"witness", warning, value, "look at whether it runs, and what it says in its log"})
			} else {
				list = append(list, finding{"witness", fine, value, ""})
			}
		}
	}
	return list
}

func (f *facts) checkProbe() finding {
	switch value := fmt.Sprintf("%s: p50 %.1f ms, p99 %.1f ms of %d writes", f.data, millis(f.probe.P50), millis(f.probe.P99), f.probe.Count); {
	case f.data == "":
		return finding{"probe", unasked, "no disk was measured", "on a member's machine: --data with its data folder"}
	case f.failed != nil:
		return finding{"probe", failure, f.failed.Error(), "the folder has to be there and writable for whoever asks"}
	case f.probe.P99 >= f.heartbeat():
		return finding{"probe", failure, value, "another disk: elections follow from one so slow"}
	case f.probe.P99*slowFsync >= f.heartbeat():
		return finding{"probe", warning, value, "a faster disk, or one that others do not use; else a longer --heartbeat"}
	default:
		return finding{"probe", fine, value, ""}
	}
}

// heartbeat is the members', as far as one told.
func (f *facts) heartbeat() time.Duration {
	for _, n := range f.members {
		if n.diagnose != nil && n.diagnose.Log != nil && n.diagnose.Log.Heartbeat > 0 {
			return time.Duration(n.diagnose.Log.Heartbeat * float64(time.Millisecond))
		}
	}
	return node.DefaultMemberConfig().Heartbeat
}

func (f *facts) checkBackup() finding {
	if f.backup == "" {
		return finding{"backup", unasked, "none was looked for", "--backup with the folder, or s3://bucket/prefix"}
	}
	if f.unlisted != nil {
		return finding{"backup", failure, f.unlisted.Error(), "the place of the backups has to be readable from here"}
	}
	var newest time.Time
	broken := 0
	for _, e := range f.backups {
		if e.Err != nil {
			broken++
		} else if e.Manifest.Taken.After(newest) {
			newest = e.Manifest.Taken
		}
	}
	age := f.now.Sub(newest).Round(time.Second)
	value := fmt.Sprintf("the last one is %s old, of %d", age, len(f.backups)-broken)
	switch {
	case newest.IsZero():
		return finding{"backup", failure, "there is none", "bpsc backup create, and its timer"}
	case age > f.backupAge:
		return finding{"backup", failure, value, "look at why the timer made none since: bpsc backup create"}
	case broken > 0:
		return finding{"backup", warning, fmt.Sprintf("%s; %d cannot be used", value, broken), "bpsc backup verify says why"}
	}
	return finding{"backup", fine, value, ""}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// bytesText is a number of bytes for people.
func bytesText(n uint64) string {
	for _, unit := range []struct {
		size uint64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}
