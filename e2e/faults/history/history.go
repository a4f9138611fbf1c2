// Package history keeps what clients asked of a cluster and what they heard, attempt by
// attempt. It is all that the rules know of a run beside what the chains say in the end.
package history

import (
	"bufio"
	"encoding/json"
	"os"
	"sync"
	"time"
)

// Kind is what was asked.
type Kind string

const (
	Submit  Kind = "submit"  // a transaction, alone or in a batch
	Status  Kind = "status"  // what became of a transaction
	Balance Kind = "balance" // of an account
	Length  Kind = "length"  // how many records a chain has
	Hold    Kind = "hold"    // how a hold stands
)

// Verdict is what the client knows after the answer.
type Verdict string

const (
	Done       Verdict = "done"        // it is so, for good
	Refused    Verdict = "refused"     // the ledger says no; of a status: it knows nothing of it
	NotApplied Verdict = "not applied" // for certain: 503, or nobody took the connection
	Unknown    Verdict = "unknown"     // nobody answered, or 504: it may have happened
)

// Op is one attempt of one client. Moments are on the one clock of the process that runs
// all clients, from the beginning of the run.
type Op struct {
	Client   string        `json:"client"`
	Node     string        `json:"node"`
	Contract string        `json:"contract"`
	Kind     Kind          `json:"kind"`
	Local    bool          `json:"local,omitempty"` // a read that may be old
	Began    time.Duration `json:"began"`
	Ended    time.Duration `json:"ended"`
	Verdict  Verdict       `json:"verdict"`
	HTTP     int           `json:"http,omitempty"` // status; 0: no answer
	Code     string        `json:"code,omitempty"` // of a refusal
	Error    string        `json:"error,omitempty"`

	ID       string `json:"id,omitempty"`      // of the transaction, or of the hold that was asked for
	Request  string `json:"request,omitempty"` // transfer, hold, accept, reject
	Sender   string `json:"sender,omitempty"`
	To       string `json:"to,omitempty"`
	Units    int64  `json:"units,omitempty"`
	Of       string `json:"of,omitempty"` // the hold that is decided
	Became   string `json:"became,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Block    uint64 `json:"block,omitempty"`
	Position int    `json:"position,omitempty"`
	Replay   bool   `json:"replay,omitempty"`

	Account string `json:"account,omitempty"`
	Rules   *Rules `json:"rules,omitempty"` // of the account, where it has any
	Balance int64  `json:"balance,omitempty"`
	Records int    `json:"records,omitempty"`
	Stands  string `json:"stands,omitempty"` // of a hold: pending, or how it was resolved
}

// Rules are those of a wallet that clients set.
type Rules struct {
	Receive     string `json:"receive"` // auto, approve, closed
	Frozen      bool   `json:"frozen"`
	PerTransfer int64  `json:"per_transfer"` // 0: no limit
}

// Book collects operations. Its methods may be called by many at once.
type Book struct {
	began time.Time

	mu  sync.Mutex
	ops []Op
}

// NewBook is an empty one whose clock starts now.
func NewBook() *Book { return &Book{began: time.Now()} }

// Now is the moment on the book's clock.
func (b *Book) Now() time.Duration { return time.Since(b.began) }

// Began is when the book's clock started.
func (b *Book) Began() time.Time { return b.began }

// Add notes one operation.
func (b *Book) Add(op Op) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ops = append(b.ops, op)
}

// Take returns what was noted since the last time. The caller owns it.
func (b *Book) Take() []Op {
	b.mu.Lock()
	defer b.mu.Unlock()
	ops := b.ops
	b.ops = nil
	return ops
}

// Recent returns up to n of the newest operations, for clients that ask for what others did.
func (b *Book) Recent(n int) []Op {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Op(nil), b.ops[max(0, len(b.ops)-n):]...)
}

// Append writes operations to the end of a file, one a line.
func Append(file string, ops []Op) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	lines := json.NewEncoder(out)
	for _, op := range ops {
		if err := lines.Encode(op); err != nil {
			_ = f.Close()
			return err
		}
	}
	if err := out.Flush(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
