package operations

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// What becomes of a member of which a file is damaged.
const (
	stays    = "it is mended and stays who it is"
	replaced = "a new member takes its place"
	harmless = "it starts, and is what it was"
)

// wounded is a kind of file in a member's folder, and what becomes of the member when one of
// them, the largest, has a bit flipped, ends too early, or is missing. More than one outcome is
// where it depends on what the damaged part was for; or on how far the others have come: a state
// that is ahead of the member's own log does not go with that (ADR 73).
type wounded struct {
	file            string // pattern
	flip, cut, gone []string
	// why it is harmless where it is.
	why string
	// heard: where it is missing the member is ready until it has heard what the others know.
	heard bool
	// maybe: not every member has one.
	maybe bool
	// brief: a row of these is run with every test.
	brief string
}

// wound is one kind of damage to a file, and what may come of it.
type wound struct {
	damage   func(path string) error
	outcomes []string
}

// kinds are all that are tried.
func (w wounded) kinds() map[string]wound {
	return map[string]wound{"flip": {flipInPlace, w.flip}, "cut": {cutTail, w.cut}, "gone": {os.Remove, w.gone}}
}

func is(outcomes ...string) []string { return outcomes }

// woundedFiles are all files of a member, but for those of its log.
var woundedFiles = []wounded{
	{file: "raft/vote.json", flip: is(replaced), cut: is(replaced), gone: is(replaced), brief: "gone"},
	{file: "raft/identity.json", flip: is(replaced), cut: is(replaced), gone: is(replaced)},
	{file: "raft/starts.json", flip: is(replaced), cut: is(replaced), gone: is(replaced)},
	{file: "raft/memory.json", flip: is(replaced), cut: is(replaced), gone: is(replaced)},
	{file: "raft/snapshots/*/meta.json", flip: is(replaced), cut: is(replaced), gone: is(replaced)},
	{file: "raft/lock", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "it is locked, and empty"},
	{file: "state/CURRENT", flip: is(stays), cut: is(stays), gone: is(stays)},
	{file: "state/LEVEL", flip: is(stays), cut: is(stays), gone: is(harmless), why: "the state says the same"},
	{file: "state/AUDITED", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "the state is audited again"},
	{file: "state/db-*/*.sst", flip: is(stays, replaced), cut: is(stays, replaced), gone: is(stays, replaced), brief: "flip"},
	{file: "state/db-*/*.blob", flip: is(stays, replaced), cut: is(stays, replaced), gone: is(stays, replaced)},
	{file: "state/db-*/MANIFEST-*", flip: is(stays, harmless), cut: is(stays, harmless), gone: is(stays),
		why: "it ends early, as after a crash, and the log has the rest"},
	{file: "state/db-*/*.log", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "a member's store writes none: what it lacks, the log has"},
	{file: "state/db-*/OPTIONS-*", flip: is(stays, harmless), cut: is(stays, harmless), gone: is(stays, harmless), why: "options are the program's"},
	{file: "state/db-*/marker.*", flip: is(harmless), cut: is(harmless), gone: is(stays), why: "what it says is in its name"},
	{file: "state/db-*/LOCK", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "it is locked, and empty"},
	{file: "attest/*.json", flip: is(replaced), cut: is(replaced), gone: is(replaced)},
	{file: "attest/handovers.sealed", flip: is(harmless), cut: is(harmless), gone: is(harmless), maybe: true,
		why: "the state says which handovers it has signed, and takes no second one of a number; it is read when there is another to sign"},
	{file: "member.key", flip: is(replaced), cut: is(replaced), gone: is(replaced), heard: true},
	{file: "neighbours.json", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "the state says the same"},
	{file: "LOCK", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "it is locked, and its text is for whoever copies the folder"},
}

// woundedSnapshots are the files of a snapshot: the very ones that the state has, where they
// are of the same name.
var woundedSnapshots = []wounded{
	{file: "raft/snapshots/*/state/*.sst", flip: is(stays, replaced), cut: is(stays, replaced), gone: is(harmless), why: "the state has it still"},
	{file: "raft/snapshots/*/state/*.blob", flip: is(stays, replaced), cut: is(stays, replaced), gone: is(harmless), why: "the state has it still"},
	{file: "raft/snapshots/*/state/MANIFEST-*", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "the state is whole"},
	{file: "raft/snapshots/*/state/OPTIONS-*", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "the state is whole"},
	{file: "raft/snapshots/*/state/marker.*", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "the state is whole"},
	{file: "raft/snapshots/*/state/LOCK", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "it is locked, and empty"},
	{file: "raft/snapshots/*/state/*.log", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "the state is whole"},
}

// woundedLogs are the files of the log, by the store that has it.
var woundedLogs = map[string][]wounded{
	"bolt": {
		{file: "raft/raft.db", flip: is(replaced, harmless), cut: is(replaced, harmless), gone: is(replaced),
			why: "it is in a page that is free, or of an entry that is applied: that is found when somebody asks for it"},
	},
	"wal": {
		{file: "raft/wal/segments.json", flip: is(replaced), cut: is(replaced), gone: is(replaced)},
		{file: "raft/wal/*.wal", flip: is(replaced, harmless), cut: is(replaced, harmless), gone: is(replaced), why: "it is behind the last entry"},
	},
}

// Every kind of damage to every kind of file of a member: what the member says, that it serves
// nothing that is wrong, and that the command in its message mends it as it stands there; and
// the same of two members at one time, where they stay who they are. A program of its own
// verifies the chains afterwards.
func TestEveryKindOfDamage(t *testing.T) {
	all := os.Getenv("BPSC_OPERATIONS") != ""
	for _, store := range []string{"bolt", "wal"} {
		rows := woundedLogs[store]
		if store == "bolt" {
			rows = slices.Concat(woundedFiles, woundedSnapshots, rows)
		}
		if !all && !slices.ContainsFunc(rows, func(w wounded) bool { return w.brief != "" }) {
			continue
		}
		t.Run(store, func(t *testing.T) {
			s := newSickroom(t, store, all)
			s.leavesNothingOut(t, slices.Concat(rows, woundedFiles, woundedSnapshots))
			for _, w := range rows {
				for name, do := range w.kinds() {
					if !all && w.brief != name {
						continue
					}
					t.Run(w.file+" "+name, func(t *testing.T) {
						outcome := s.one(t, w, do.damage, do.outcomes)
						if outcome == stays && all {
							s.two(t, w, do.damage)
						}
					})
				}
			}
		})
	}
}

// leavesNothingOut makes sure that the table has every file of a member's folder.
func (s *sickroom) leavesNothingOut(t *testing.T, rows []wounded) {
	t.Helper()
	must(t, filepath.WalkDir(s.sound(0), func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(s.sound(0), at)
		if !slices.ContainsFunc(rows, func(w wounded) bool { is, _ := path.Match(w.file, filepath.ToSlash(name)); return is }) {
			t.Errorf("no row has %s", name)
		}
		return err
	}))
}

// flipInPlace changes one bit in the middle of a file, in place: whatever else has the same
// file by a link has the same damage.
func flipInPlace(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var b [1]byte
	at := info.Size() / 2
	if _, err := f.ReadAt(b[:], at); err != nil {
		return err
	}
	b[0] ^= 0x40
	_, err = f.WriteAt(b[:], at)
	return err
}

// cutTail takes the last third of a file away.
func cutTail(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, info.Size()*2/3)
}

// sickroom is a cluster whose folders were copied once all its members had stopped: each row
// begins with that.
type sickroom struct {
	c    *harness.Cluster
	dir  string // of the copies
	sent []harness.Sent
	tip  [][]byte // the blocks that there were, as they are
}

func newSickroom(t *testing.T, store string, long bool) *sickroom {
	t.Helper()
	s := &sickroom{dir: t.TempDir()}
	if long {
		s.c = withLongHistory(t, "--log-store", store)
	} else {
		s.c = startCluster(t, harness.Options{Contract: everyTwenty, Args: append([]string{"--log-store", store}, soon...)})
	}
	load := s.c.StartLoad(t.Context(), harness.LoadOptions{Workers: 8, Seed: 9})
	must(t, load.AwaitMore(t.Context(), 200))
	var err error
	s.sent, err = load.Stop()
	must(t, err)
	verifyAll(t, s.c, s.sent)
	_, s.tip = verified(t, s.c, s.c.Members[0])
	for _, m := range s.c.Members {
		until(t, 20*time.Second, m.ID+" has signed, and knows the others", s.hasAll(m))
	}
	for _, m := range s.c.Members {
		must(t, m.Terminate())
	}
	for i, m := range s.c.Members {
		if code, err := m.AwaitExit(t.Context(), 20*time.Second); err != nil || code != 0 {
			t.Fatal(m.ID, code, err)
		}
		must(t, copied(t, m.Data, s.sound(i)))
	}
	return s
}

func (s *sickroom) sound(i int) string { return filepath.Join(s.dir, s.c.Members[i].ID) }

// begin begins a row: everybody's folder as it was.
func (s *sickroom) begin(t *testing.T) {
	t.Helper()
	must(t, s.c.KillAll())
	for i, m := range s.c.Members {
		must(t, os.RemoveAll(m.Data), copied(t, s.sound(i), m.Data))
	}
}

// one damages one member while the others go on, and has it mended.
func (s *sickroom) one(t *testing.T, w wounded, damage func(path string) error, outcomes []string) string {
	t.Helper()
	s.begin(t)
	m, others := s.c.Members[0], s.c.Members[1:]
	if there, err := filepath.Glob(filepath.Join(m.Data, w.file)); w.maybe && err == nil && len(there) == 0 {
		t.Skip("this member has none")
	}
	must(t, hurt(m.Data, w.file, damage))
	for _, o := range others {
		must(t, o.Start())
	}
	for _, o := range others {
		must(t, s.c.AwaitServing(t.Context(), o))
	}
	outcome := s.mended(t, m, w)
	if !slices.Contains(outcomes, outcome) {
		t.Errorf("%s, want: %s", outcome, strings.Join(outcomes, ", or "))
	}
	if outcome == harmless && w.why == "" {
		t.Error("the table does not say why that is harmless")
	}
	s.well(t)
	return outcome
}

// two damages two members at one time: the third has no majority until the first of them is
// mended.
func (s *sickroom) two(t *testing.T, w wounded, damage func(path string) error) {
	t.Helper()
	s.begin(t)
	third := s.c.Members[2]
	for _, m := range s.c.Members[:2] {
		must(t, hurt(m.Data, w.file, damage))
	}
	must(t, third.Start(), s.c.AwaitServing(t.Context(), third))
	for _, m := range s.c.Members[:2] {
		said := refusesIn(t, m)
		names(t, said, m.Data, w.file)
		if s := shell(t, commandIn(t, said)); s.code != 0 {
			t.Fatalf("the command of %s does not mend it: %d", m.ID, s.code)
		}
	}
	for _, m := range s.c.Members[:2] {
		must(t, m.Start())
	}
	s.well(t)
	_, state := view(t, s.c)
	if voters(state) != "n1 n2 n3" {
		t.Errorf("%s vote: none of them is to be another one", voters(state))
	}
}

// well makes sure that all members are ready, take writes, and have all that was acknowledged.
func (s *sickroom) well(t *testing.T) {
	t.Helper()
	must(t, s.c.AwaitReady(t.Context(), 30*time.Second))
	load := s.c.StartLoad(t.Context(), harness.LoadOptions{Workers: 2, Seed: 10})
	must(t, load.AwaitMore(t.Context(), 10))
	more, err := load.Stop()
	must(t, err)
	verifyAll(t, s.c, slices.Concat(s.sent, more))
}

// hurt damages the largest file that matches.
func hurt(data, pattern string, damage func(path string) error) error {
	paths, err := filepath.Glob(filepath.Join(data, pattern))
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("no file matches %s in %s, %v", pattern, data, err)
	}
	largest, most := "", int64(-1)
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		if info.Size() > most {
			largest, most = p, info.Size()
		}
	}
	return damage(largest)
}
