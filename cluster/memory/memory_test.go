package memory

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/health"
)

// fixedRaft is a raft that stands still, in term 5 with entries up to 20, of which
// 10 are committed.
type fixedRaft struct{}

func (fixedRaft) CurrentTerm() uint64                               { return 5 }
func (fixedRaft) CommitIndex() uint64                               { return 10 }
func (fixedRaft) LastIndex() uint64                                 { return 20 }
func (fixedRaft) LeaderWithID() (raft.ServerAddress, raft.ServerID) { return "h2:1", "n2" }

func open(t *testing.T, dir string) *Memory {
	t.Helper()
	fatal := func(err error) { t.Error(err) }
	clock := health.NewRunClock(time.Second)
	watch := health.NewWatchdog(time.Minute, clock, health.NewFitness(slog.New(slog.DiscardHandler), time.Second), fatal)
	m, err := Open(dir, watch, fatal)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// begun is a member's memory after a start; entry n has the checksum n.
func begun(t *testing.T, dir string) *Memory {
	t.Helper()
	m := open(t, dir)
	if err := m.Begin(); err != nil {
		t.Fatal(err)
	}
	m.Attach(fixedRaft{}, "n1", func(index uint64) (uint32, bool) { return uint32(index), true })
	return m
}

// A member judges itself by what another remembers of it.
func TestJudge(t *testing.T) {
	m := begun(t, t.TempDir())
	now := m.Position("n2").Start
	if now.Number != 1 {
		t.Fatalf("the first start is %v", now)
	}
	good := Position{Commit: 10, Sum: 10, Summed: true, You: Known{Start: now, Term: 5, Held: 20}}
	for name, tt := range map[string]struct {
		change func(*Position)
		want   error
	}{
		"nothing happened":            {func(*Position) {}, nil},
		"it knows nothing of us":      {func(p *Position) { p.You = Known{} }, nil},
		"a later start":               {func(p *Position) { p.You.Start.Number++ }, datadir.ErrWentBack},
		"another start of the number": {func(p *Position) { p.You.Start.Mark++ }, datadir.ErrWentBack},
		"a higher term":               {func(p *Position) { p.You.Term++ }, datadir.ErrWentBack},
		"more entries":                {func(p *Position) { p.You.Held++ }, datadir.ErrWentBack},
		"another entry":               {func(p *Position) { p.Sum++ }, datadir.ErrDiverged},
		"an entry it has no more":     {func(p *Position) { p.Sum++; p.Summed = false }, nil},
		"one that we do not know yet": {func(p *Position) { p.Commit, p.Sum = 11, 1 }, nil},
		"nothing committed":           {func(p *Position) { p.Commit, p.Sum = 0, 1 }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			theirs := good
			tt.change(&theirs)
			if err := m.Judge("n2", theirs); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// What is accepted is on the disk at once, and what is noted soon; nothing becomes
// less.
func TestWhatIsRemembered(t *testing.T) {
	dir := t.TempDir()
	m := begun(t, dir)
	theirs := Position{Start: Start{Number: 3, Mark: 7}, Term: 4, Commit: 8}
	if err := m.Accept("n3", theirs); err != nil {
		t.Fatal(err)
	}
	want := Known{Start: theirs.Start, Term: 4, Held: 8}
	if got := open(t, dir).content.Peers["n3"]; got != want {
		t.Errorf("on the disk %+v, want %+v", got, want)
	}
	m.Note("n3", 3, 9)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.Run(ctx) // writes once more
	on := open(t, dir)
	want.Held = 9
	if got := on.content.Peers["n3"]; got != want {
		t.Errorf("at the end %+v, want %+v", got, want)
	}
	if got := on.content.Peers["n2"]; got.Term != 5 || got.Held != 10 {
		t.Errorf("of the leader %+v", got)
	}
	if on.Committed() != 10 || on.Term() != 5 {
		t.Errorf("of itself: entry %d, term %d", on.Committed(), on.Term())
	}
}

// Starts too old to be told are believed.
func TestStarts(t *testing.T) {
	s := starts{Marks: make([]uint64, maxStartMarks)}
	for n := range s.Marks {
		s.Marks[n] = uint64(n)
	}
	first, second := Start{Number: 1, Mark: s.Marks[0]}, Start{Number: 2, Mark: s.Marks[1]}
	s, err := s.begin(t.TempDir())
	if err != nil || s.current().Number != maxStartMarks+1 || len(s.Marks) != maxStartMarks {
		t.Fatalf("%v with %d marks, %v", s.current(), len(s.Marks), err)
	}
	first.Mark++
	if !s.had(first) {
		t.Error("a start of which the mark is gone is not believed")
	}
	if !s.had(second) {
		t.Error("it has forgotten a start")
	}
	second.Mark++
	if s.had(second) {
		t.Error("another start is taken for its own")
	}
}
