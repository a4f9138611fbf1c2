package store

import (
	"errors"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bpsc/bpsc/chain"
)

// Inspected is what a snapshot is of.
type Inspected struct {
	Applied uint64 // log index of the last entry in it
	Chains  []InspectedChain
}

// InspectedChain is a chain in a snapshot.
type InspectedChain struct {
	chain.Info
	Root chain.Hash // of the log of headers of all its blocks
}

// Inspect tells what is in the folder of a snapshot. It reads where the chains
// stand and their open holds, and checks no more: whoever restores it does. The
// folder is left as it is, but for a lock file.
func Inspect(dir string) (found Inspected, err error) {
	cfg := Config{FS: vfs.Default, ReadOnly: true, Tables: inspectTables, Logger: slog.New(slog.DiscardHandler)}
	db, err := openDB(dir, cfg, &alarm{dir: dir, fatal: func(err error) { panic(err) }})
	if err != nil {
		return found, damaged(dir, err)
	}
	defer func() { err = errors.Join(err, caught(db.Close)) }()
	var l *loaded
	if err := caught(func() (err error) { l, err = load(db); return err }); err != nil {
		return found, damaged(dir, err)
	}
	found.Applied = l.meta.Applied
	for _, h := range l.heads {
		root := chain.ResumeRoot(h.tree.size, h.tree.roots)
		found.Chains = append(found.Chains, InspectedChain{h.info(), root.Root()})
	}
	return found, nil
}
