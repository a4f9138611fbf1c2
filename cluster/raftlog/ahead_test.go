package raftlog

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"pgregory.net/rapid"
)

// stopper is a log in memory whose writes wait until they are let through.
type stopper struct {
	*raft.InmemStore
	through chan error // one for each write; nil lets it happen
}

func (s *stopper) StoreLogs(logs []*raft.Log) error {
	if err := <-s.through; err != nil {
		return err
	}
	return s.InmemStore.StoreLogs(logs)
}

func newStopper(t *testing.T, leads bool) (*Ahead, *stopper) {
	store := &stopper{raft.NewInmemStore(), make(chan error)}
	a := NewAhead(store)
	a.Begin(func() bool { return leads })
	t.Cleanup(func() {
		go func() {
			for {
				select {
				case store.through <- errors.New("the test is over"):
				case <-a.ended:
					return
				}
			}
		}()
		a.Close()
	})
	return a, store
}

func commands(from, to uint64) (logs []*raft.Log) {
	for i := from; i <= to; i++ {
		logs = append(logs, &raft.Log{Index: i, Term: 1, Type: raft.LogCommand, Data: fmt.Appendf(nil, "%d", i)})
	}
	return logs
}

// isDone tells, without a wait, whether what runs in a goroutine has ended; a goroutine
// that is to wait is given the time to show that it does not.
func isDone(done <-chan error, soon time.Duration) (err error, is bool) {
	select {
	case err = <-done:
		return err, true
	case <-time.After(soon):
		return nil, false
	}
}

func inBackground(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

const aMoment = 20 * time.Millisecond

// To raft a leader's entries are there at once, and to all else once they are written.
func TestALeadersEntriesAreReadBeforeTheyAreWritten(t *testing.T) {
	a, store := newStopper(t, true)
	if err := a.StoreLogs(commands(1, 3)); err != nil {
		t.Fatal(err)
	}
	var l raft.Log
	if err := a.GetLog(2, &l); err != nil || string(l.Data) != "2" {
		t.Errorf("entry 2: %q, %v", l.Data, err)
	}
	if last, err := a.LastIndex(); last != 3 || err != nil {
		t.Errorf("the last is %d, %v", last, err)
	}
	if err := a.GetLog(4, &l); !errors.Is(err, raft.ErrLogNotFound) {
		t.Errorf("entry 4: %v", err)
	}
	if got := a.Written(3); got != 0 {
		t.Errorf("written up to %d", got)
	}
	applied := inBackground(func() error { return a.Await(t.Context(), 2) })
	if _, done := isDone(applied, aMoment); done {
		t.Error("entry 2 could be applied")
	}
	store.through <- nil
	if err, done := isDone(applied, patience); !done || err != nil {
		t.Errorf("entry 2 is written: %v, %v", done, err)
	}
	if got := a.Written(3); got != 3 {
		t.Errorf("written up to %d", got)
	}
	if last, err := store.LastIndex(); last != 3 || err != nil {
		t.Errorf("the disk has %d, %v", last, err)
	}
}

// What counts without being applied, and what a follower stores and cuts, is on the disk
// when it returns, and so is all before it.
func TestAllElseIsWrittenWhenItReturns(t *testing.T) {
	leads := true
	for _, tt := range []struct {
		name string
		do   func(a *Ahead) error
		then int // writes that it waits for
		last uint64
	}{
		{"a configuration", func(a *Ahead) error { return a.StoreLog(&raft.Log{Index: 2, Type: raft.LogConfiguration}) }, 2, 2},
		{"a no-op", func(a *Ahead) error { return a.StoreLog(&raft.Log{Index: 2, Type: raft.LogNoop}) }, 2, 2},
		{"a configuration among requests", func(a *Ahead) error {
			return a.StoreLogs(append(commands(2, 2), &raft.Log{Index: 3, Type: raft.LogConfiguration}))
		}, 2, 3},
		{"a follower's requests", func(a *Ahead) error { leads = false; return a.StoreLogs(commands(2, 2)) }, 2, 2},
		{"a cut", func(a *Ahead) error { return a.DeleteRange(1, 1) }, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, store := newStopper(t, true)
			leads = true
			a.Begin(func() bool { return leads })
			if err := a.StoreLogs(commands(1, 1)); err != nil {
				t.Fatal(err)
			}
			done := inBackground(func() error { return tt.do(a) })
			for range tt.then {
				if _, is := isDone(done, aMoment); is {
					t.Fatal("it has returned, and is not written")
				}
				store.through <- nil
			}
			if err, is := isDone(done, patience); !is || err != nil {
				t.Fatalf("it is written: %v, %v", is, err)
			}
			if last, _ := store.LastIndex(); last != tt.last {
				t.Errorf("the disk has entries up to %d, want %d", last, tt.last)
			}
		})
	}
}

// A leader whose disk is slow is not ahead of it for long.
func TestALeaderIsAheadByABoundedNumberOfEntries(t *testing.T) {
	a, store := newStopper(t, true)
	for i := range uint64(maxAhead) {
		if err := a.StoreLogs(commands(i+1, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	more := inBackground(func() error { return a.StoreLogs(commands(maxAhead+1, maxAhead+1)) })
	if _, done := isDone(more, aMoment); done {
		t.Error("one more was taken")
	}
	store.through <- nil
	if err, done := isDone(more, patience); !done || err != nil {
		t.Errorf("there is room: %v, %v", done, err)
	}
	store.through <- nil
}

// After a write that failed nothing is stored, nothing applied, and nobody waits.
func TestAFailedWriteIsTheEnd(t *testing.T) {
	a, store := newStopper(t, true)
	broken := errors.New("broken disk")
	if err := a.StoreLogs(commands(1, 1)); err != nil {
		t.Fatal(err)
	}
	applied := inBackground(func() error { return a.Await(t.Context(), 1) })
	store.through <- broken
	if err, done := isDone(applied, patience); !done || !errors.Is(err, broken) {
		t.Errorf("whoever waits gets %v, %v", err, done)
	}
	for what, f := range map[string]func() error{
		"a configuration": func() error { return a.StoreLog(&raft.Log{Index: 2, Type: raft.LogConfiguration}) },
		"a cut":           func() error { return a.DeleteRange(1, 1) },
	} {
		if err, done := isDone(inBackground(f), patience); !done || !errors.Is(err, broken) {
			t.Errorf("%s: %v, %v", what, err, done)
		}
	}
	if got := a.Written(1); got != 0 {
		t.Errorf("written up to %d", got)
	}
}

// What raft reads through a log that is ahead is what it reads of one that is not, whoever
// leads when, and what is on the disk is a beginning of it.
func TestALogThatIsAheadReadsLikeOneThatIsNot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disk, plain := raft.NewInmemStore(), raft.NewInmemStore()
		a := NewAhead(&yielding{disk})
		defer a.Close()
		leads := false
		a.Begin(func() bool { return leads })
		var last, first uint64 = 0, 1
		store := func(logs []*raft.Log) {
			if a.StoreLogs(logs) != nil || plain.StoreLogs(logs) != nil {
				t.Fatal("it fails")
			}
			last = logs[len(logs)-1].Index
		}
		t.Repeat(map[string]func(*rapid.T){
			"requests":      func(t *rapid.T) { store(commands(last+1, last+rapid.Uint64Range(1, 5).Draw(t, "n"))) },
			"configuration": func(*rapid.T) { store([]*raft.Log{{Index: last + 1, Type: raft.LogConfiguration}}) },
			"turn":          func(*rapid.T) { leads = !leads },
			"cut the end": func(t *rapid.T) {
				if leads || last < first {
					t.Skip("a leader never does, and there has to be something")
				}
				from := rapid.Uint64Range(first, last).Draw(t, "from")
				if a.DeleteRange(from, last) != nil || plain.DeleteRange(from, last) != nil {
					t.Fatal("it fails")
				}
				last = from - 1
			},
			"cut the beginning": func(t *rapid.T) {
				if last < first+1 {
					t.Skip("the last one stays")
				}
				to := rapid.Uint64Range(first, last-1).Draw(t, "to")
				if a.DeleteRange(first, to) != nil || plain.DeleteRange(first, to) != nil {
					t.Fatal("it fails")
				}
				first = to + 1
			},
			"": func(t *rapid.T) {
				if got, err := a.LastIndex(); last >= first && (got != last || err != nil) {
					t.Fatalf("the last is %d, %v, want %d", got, err, last)
				}
				for i := first - 1; i <= last+1; i++ {
					var got, want raft.Log
					errGot, errWant := a.GetLog(i, &got), plain.GetLog(i, &want)
					if got.Index != want.Index || string(got.Data) != string(want.Data) || !errors.Is(errGot, errWant) {
						t.Fatalf("entry %d: %v, %v, want %v, %v", i, got, errGot, want, errWant)
					}
				}
				on := a.Written(last)
				var l raft.Log
				if on >= first && disk.GetLog(on, &l) != nil {
					t.Fatalf("entry %d is said to be written", on)
				}
			},
		})
	})
}

// yielding lets others run in the middle of a write.
type yielding struct{ *raft.InmemStore }

func (y *yielding) StoreLogs(logs []*raft.Log) error {
	var others sync.WaitGroup
	others.Go(func() {})
	others.Wait()
	return y.InmemStore.StoreLogs(logs)
}
