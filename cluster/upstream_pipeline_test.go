package cluster

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/armon/go-metrics"
	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/internal/bubble"
)

// meter lets a test stop the goroutine that reads the answers of a pipeline, where raft
// measures how long one took.
type meter struct {
	metrics.BlackholeSink
	armed   atomic.Bool
	reached chan struct{}
	goOn    chan struct{}
}

func (m *meter) AddSampleWithLabels(key []string, _ float32, labels []metrics.Label) {
	if slices.Equal(key, []string{"raft", "replication", "appendEntries", "rpc"}) && labels[0].Value == "b" && m.armed.CompareAndSwap(true, false) {
		close(m.reached)
		<-m.goOn
	}
}

// measure has raft measure with m until the test ends.
func (m *meter) measure(t *testing.T) {
	t.Helper()
	set := func(sink metrics.MetricSink) {
		if _, err := metrics.NewGlobal(&metrics.Config{FilterDefault: true}, sink); err != nil {
			t.Fatal(err)
		}
	}
	set(m)
	t.Cleanup(func() { set(&metrics.BlackholeSink{}) })
}

// pipelines is raft's transport, which remembers the pipelines that it made.
type pipelines struct {
	*raft.NetworkTransport
	mu   sync.Mutex
	made []raft.AppendPipeline
}

func (p *pipelines) AppendEntriesPipeline(id raft.ServerID, to raft.ServerAddress) (raft.AppendPipeline, error) {
	made, err := p.NetworkTransport.AppendEntriesPipeline(id, to)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.made = append(p.made, made)
	}
	return made, err
}

// release lets go of goroutines that wait in a pipeline for ever.
func (p *pipelines) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.made {
		one.Close()
	}
}

// hashicorp/raft#612, #611: a member refuses an entry that a leader sent through a pipeline.
// Who reads the answers ends for it, while who sends waits for room among those under way,
// which only the reader makes. They wait for ever, and so does the member for entries, while
// heartbeats say that all is well.
func TestUpstreamPipelineThatStands(t *testing.T) {
	leavesOut := func(guarded bool) (leftOut bool) {
		synctest.Test(t, func(t *testing.T) {
			m := &meter{reached: make(chan struct{}), goOn: make(chan struct{})}
			m.measure(t)
			var bare *pipelines
			p := parts{transport: func(streams raft.StreamLayer) raft.Transport {
				bare = &pipelines{NetworkTransport: bareTransport(streams).(*raft.NetworkTransport)}
				return bare
			}}
			if guarded {
				p.transport = ourTransport(t)
			}
			s := newStage(t, p)
			defer s.close()
			if !guarded {
				defer bare.release()
			}
			s.lead()
			bubble.Pass(time.Second) // entries go through pipelines by now, where there are any

			var refused atomic.Bool
			var entries atomic.Int32
			s.b.answers(func(rpc raft.RPC) {
				a, ok := rpc.Command.(*raft.AppendEntriesRequest)
				switch {
				case ok && !isHeartbeat(rpc) && refused.CompareAndSwap(false, true):
					rpc.Respond(&raft.AppendEntriesResponse{RPCHeader: s.b.head(), Term: a.Term, LastLog: a.PrevLogEntry}, nil)
					return
				case hasEntries(rpc):
					entries.Add(1)
				}
				agree(rpc)
			})
			m.armed.Store(true)
			apply := func() {
				if err := s.raft.Apply([]byte("x"), 0).Error(); err != nil {
					t.Fatal(err)
				}
			}
			apply()
			<-m.reached // b's refusal, before anything was done about it
			for range 5 {
				apply() // c has them, so they are committed
				bubble.Pass(time.Second)
			}
			close(m.goOn)
			synctest.Wait()
			entries.Store(0)
			apply()
			bubble.Pass(long)
			leftOut = entries.Load() == 0
			if s.raft.State() != raft.Leader {
				t.Error("a does not lead any more")
			}
		})
		return leftOut
	}
	shown(t, leavesOut(false), leavesOut(true), "NetworkTransportConfig.MaxRPCsInFlight")
}
