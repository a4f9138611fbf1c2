package raftlog

import (
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
)

// What it costs to have an entry of a few hundred bytes in the log, by itself, through
// its seal, and through the seal alone.
func BenchmarkStoreLog(b *testing.B) {
	for _, kind := range datadir.LogStores() {
		b.Run(string(kind), func(b *testing.B) {
			s, err := Open(kind, filepath.Join(b.TempDir(), kind.Name()), 0)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			benchmarkLog(b, s)
		})
	}
	b.Run("seal", func(b *testing.B) { benchmarkLog(b, discard{}) })
}

func benchmarkLog(b *testing.B, s raft.LogStore) {
	g := &Log{LogStore: s, Memory: new(fakeMemory), Watch: testWatch(b), Fatal: func(err error) { b.Error(err) }, Snapshot: noSnapshot, Configurations: NewConfigurations(nil)}
	l := entryOf(1, 300)
	l.Extensions = nil
	b.ReportAllocs()
	for b.Loop() {
		if err := g.StoreLog(l); err != nil {
			b.Fatal(err)
		}
		l.Index++
	}
}

// discard is a log that keeps nothing.
type discard struct{ raft.LogStore }

func (discard) StoreLogs([]*raft.Log) error { return nil }
