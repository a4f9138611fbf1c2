package node

import (
	"fmt"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/internal/rlimit"
)

// Files are what a process may have open: sockets, too. Votes, the log and
// snapshots come first, then members' connections; clients get what is left, so
// that there is always a file for what keeps the cluster going.
const (
	// ownFiles is for what each process has open: its output, locks, journals,
	// listeners, files that are replaced, questions for names, calls to witnesses.
	ownFiles = 32

	// storeFiles is for the files of a store that are being written; it reads
	// from as many as tables says. A member may have two stores for a while:
	// another one that a snapshot is unpacked to.
	storeFiles = 16
	minTables  = 74 // of which Pebble keeps ten for itself
	maxTables  = 1_000

	// syncFiles is for a follower's calls to upstreams when it fetches chains.
	syncFiles = 64

	// minClients is the least that is worth starting with.
	minClients = 48
	maxFiles   = 1 << 20
)

// files is how many files a process may use, and for what.
type files struct {
	tables  int // of each store
	relays  int // a follower's calls for its clients
	clients int
}

// openFiles is limit, or where that is 0 what this process may have open.
func openFiles(limit int) int {
	if limit != 0 {
		return limit
	}
	if process := rlimit.Read().OpenFiles; process != 0 {
		return int(min(process, maxFiles))
	}
	return maxFiles
}

// memberFiles shares the files of a member out; others is what raft takes, and the
// listener for whoever runs the node. limit 0
// is what the process may have open.
func memberFiles(limit, others int) (files, error) {
	limit = openFiles(limit)
	f := files{tables: tablesOf(limit)}
	return f.rest(limit, ownFiles+others+2*(f.tables+storeFiles))
}

// followerFiles and witnessFiles do so of others; admin is what the listener for whoever
// runs the node takes.
func followerFiles(limit, admin int) (files, error) {
	limit = openFiles(limit)
	f := files{tables: tablesOf(limit), relays: min(limit/4, 1_024)}
	return f.rest(limit, ownFiles+admin+syncFiles+f.relays+f.tables+storeFiles)
}

func witnessFiles(limit, admin int) (files, error) {
	limit = openFiles(limit)
	return files{}.rest(limit, ownFiles+admin)
}

func tablesOf(limit int) int { return min(max(limit/8, minTables), maxTables) }

// rest gives clients what others leave of a limit.
func (f files) rest(limit, others int) (files, error) {
	f.clients = min(limit-others, api.MaxConnections)
	if f.clients < minClients {
		return f, fmt.Errorf("this process may have %d files open and needs %d at least: raise the limit (ulimit -n, LimitNOFILE=)",
			limit, others+minClients)
	}
	return f, nil
}
