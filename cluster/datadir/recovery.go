package datadir

import (
	"path/filepath"

	"github.com/bpsc/bpsc/internal/durable"
)

const recoveryFile = "recovery.json"

// Recovery is the content of recovery.json: that somebody made the members what they
// are, and not the members before. It is left in the directories of those who go on,
// the same in each, and said in the log before anything else.
type Recovery struct {
	By     string   `json:"by"` // as that person has called itself
	Reason string   `json:"reason"`
	Time   int64    `json:"time"`   // unix seconds
	Before []string `json:"before"` // identities of the voters that there were
	After  []string `json:"after"`  // and of those that go on
	Index  uint64   `json:"index"`  // of the last entry before it
}

// WriteRecovery leaves it in a directory.
func WriteRecovery(path string, r Recovery) error {
	return durable.WriteSealed(filepath.Join(path, recoveryFile), r)
}

// ReadRecovery reads it, if there is one.
func ReadRecovery(path string) (r Recovery, found bool, err error) {
	found, err = Read(filepath.Join(path, recoveryFile), &r)
	return r, found, err
}

// ForgetRecovery removes it, once it has been said.
func ForgetRecovery(path string) error {
	return durable.RemoveAll(filepath.Join(path, recoveryFile))
}
