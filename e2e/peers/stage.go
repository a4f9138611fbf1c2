package main

import (
	"strings"

	"github.com/google/pprof/profile"
)

// stage is a part of a transfer's way, and of what functions it is.
type stage struct {
	name  string
	parts []string // of the functions' names, as profiles write them
}

// other is where what no stage has is counted.
const other = "the rest"

// stages are in the order in which a sample is looked up: the first that any function of its
// stack belongs to has it. So what is done for all, as collecting garbage, stands before whom it
// was done in, and what a stage calls before the stage.
var stages = []stage{
	{"garbage collection", []string{"runtime.gcBgMarkWorker", "runtime.gcStart", "runtime.gcAssistAlloc", "runtime.gcMarkDone", "runtime.bgsweep", "runtime.bgscavenge"}},
	{"flush and merges", []string{"pebble/v2.(*DB).flush", "pebble/v2.(*DB).compact", "pebble/v2.(*DB).runCompaction", "bpsc/store.(*Store).flush", "record.(*LogWriter)", "pebble/v2.(*commitPipeline)"}},
	{"attest", []string{"bpsc/attest"}},
	{"entry prepared", []string{"bpsc/fsm.(*Machine).Prepare", "bpsc/cluster/replica.(*preparation)"}},
	{"apply", []string{"raft.(*Raft).runFSM", "bpsc/fsm.(*Machine).Apply"}},
	{"log written", []string{"bpsc/cluster/raftlog", "hashicorp/raft-boltdb", "hashicorp/raft-wal", "go.etcd.io/bbolt"}},
	{"raft's transport", []string{"raft.(*NetworkTransport)", "raft.(*netPipeline)", "raft.(*Raft).replicate", "raft.(*Raft).pipeline", "raft.(*Raft).heartbeat", "raft.(*Raft).appendEntries", "raft.decodeResponse", "raft.sendRPC", "bpsc/cluster/peer", "bpsc/cluster/port", "bpsc/cluster/transport"}},
	{"raft's loops", []string{"hashicorp/raft."}},
	{"batcher, results handed out", []string{"bpsc/cluster/groupcommit.(*Batcher)", "bpsc/cluster/queue"}},
	{"signatures", []string{"curve25519-voi", "crypto/ed25519", "bpsc/chain.(*Verifier)", "bpsc/chain.(*Keys)", "bpsc/chain.VerifyBatch"}},
	{"handed to the log, waiting", []string{"bpsc/command.Requester", "bpsc/api.(*memberServer).submit"}},
	{"request decoded", []string{"bpsc/api.(*memberServer).readTransaction", "bpsc/api.(*memberServer).readWrite", "bpsc/intake"}},
	{"answer put together", []string{"bpsc/api.(*memberServer).answer", "bpsc/api.(*memberServer).postBatch", "bpsc/api.(*memberServer).postTutorialTransaction", "bpsc/api/decision", "bpsc/api/jsonobject"}},
	{"router, edge, roles, headers", []string{"gin-gonic/gin", "bpsc/api.", "bpsc/api/", "internal/webserver.(*Server)"}},
	{"answer written (net/http)", []string{"net/http.(*response)", "net/http.(*chunkWriter)", "net/http.checkConnErrorWriter"}},
	{"request read (net/http)", []string{"net/http."}},
	{"scheduler", []string{"runtime.mcall", "runtime.park_m", "runtime.schedule", "runtime.findRunnable", "runtime.goexit0", "runtime.mstart", "runtime.sysmon", "runtime.netpoll"}},
}

// stageOf is the place among stages of a sample's stack; len(stages) where none has it.
func stageOf(stack []string) int {
	for i, s := range stages {
		for _, function := range stack {
			for _, part := range s.parts {
				if strings.Contains(function, part) {
					return i
				}
			}
		}
	}
	return len(stages)
}

// shares are how much of the processor time of a CPU profile each stage has, and the rest
// behind them, together 1.
func shares(p *profile.Profile) []float64 {
	out := make([]float64, len(stages)+1)
	var all float64
	for _, s := range p.Sample {
		var stack []string
		for _, location := range s.Location {
			for _, line := range location.Line {
				stack = append(stack, line.Function.Name)
			}
		}
		used := float64(s.Value[len(s.Value)-1]) // nanoseconds stand behind the number of samples
		out[stageOf(stack)] += used
		all += used
	}
	for i := range out {
		out[i] /= max(all, 1)
	}
	return out
}
