package repair

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/backup"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/store"
	"github.com/bpsc/bpsc/witness"
)

// takeState unpacks a state and verifies all of it.
func (w *restoring) takeState(ctx context.Context) error {
	m, err := backup.UnpackState(w.State, w.temp)
	if err != nil {
		return err
	}
	reports, err := backup.VerifyState(ctx, w.temp, &m, w.Options)
	if err != nil {
		return err
	}
	w.state = backup.StateFolder(w.temp)
	found, err := store.Inspect(w.state)
	if err != nil {
		return err
	}
	w.Origin, w.Index, w.taken, w.before = m.Digest.String(), m.Applied, m.Taken, found.Voters
	if len(w.before) == 0 { // written before states knew the members
		w.before = m.Members
	}
	notes, err := notesOf(ctx, w.temp, len(reports) > 0)
	for i, c := range m.Chains {
		w.note(reports[i], c, notes[c.Token]...)
	}
	return err
}

// notesOf are the checkpoints in an unpacked state.
func notesOf(ctx context.Context, dir string, any bool) (notes map[string][][]byte, err error) {
	if !any {
		return nil, nil
	}
	folder, err := audit.OpenFolder(dir, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	stored, err := folder.Chains("")
	if err != nil {
		return nil, err
	}
	notes = map[string][][]byte{}
	for _, s := range stored {
		c, err := s.Chain(ctx)
		if err != nil {
			return nil, err
		}
		notes[s.Token()] = c.Notes
	}
	return notes, nil
}

// takeChains verifies all of each series, and then makes a state of their blocks.
func (w *restoring) takeChains(ctx context.Context) (err error) {
	dir := filepath.Join(w.temp, folder.State)
	s, err := store.Open(store.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	origin := sha256.New()
	for _, series := range w.Series {
		report, err := backup.VerifySeries(ctx, series, w.Options)
		if err != nil {
			return err
		}
		if _, err := series.Replay(ctx, s, w.Until); err != nil {
			return err
		}
		last := series.Last()
		info, err := s.Contract(report.Token)
		if err != nil {
			return err
		}
		w.note(report, backup.ChainRange{Token: report.Token, ID: info.ID, From: 1, Length: info.Length, Tip: info.Tip, Time: info.TipTimestamp}, series.Checkpoint())
		_, _ = fmt.Fprintf(origin, "%s %d\n", last.Digest, info.Length)
		if w.before == nil {
			w.before = series.Members()
		}
		if last.Taken.After(w.taken) {
			w.taken = last.Taken
		}
	}
	if w.before == nil {
		w.before = []string{"unknown"} // a chain need not say who its members were
	}
	w.Origin, w.Index = hex.EncodeToString(origin.Sum(nil)), s.AppliedIndex()
	w.state = filepath.Join(w.temp, "snapshot")
	return s.Snapshot(ctx, w.state)
}

// witnessPatience is how long a witness has for an answer.
const witnessPatience = 20 * time.Second

// askWitnesses makes sure that no witness has seen more of a chain than there will be.
func (w *restoring) askWitnesses(ctx context.Context) error {
	if w.Older || len(w.Witnesses) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, witnessPatience)
	defer cancel()
	client := witness.NewClient(w.Trusted)
	defer client.Close()
	for _, c := range w.Chains {
		for _, asked := range w.Witnesses {
			seen, err := seenBy(ctx, client, asked, w.notes[c.Token])
			if err != nil {
				return fmt.Errorf("%s: %w: it is not known whether this backup is the newest that somebody has relied on", c.Token, err)
			}
			if seen > c.Length {
				return fmt.Errorf("%w: %w: %s: witness %s has seen %d blocks, the restored chain would have %d: what clients were told of the others would be undone",
					folder.ErrUsage, ErrOlder, c.Token, asked.Name, seen, c.Length)
			}
		}
	}
	return nil
}

// seenBy asks with the first checkpoint whose signatures the witness takes.
func seenBy(ctx context.Context, client *witness.Client, asked proof.Cosigner, notes [][]byte) (seen uint64, err error) {
	err = fmt.Errorf("%w: there is no signed checkpoint to ask the witness %s with", chain.NotFound, asked.Name)
	for _, note := range notes {
		if seen, err = client.Seen(ctx, asked, note); err == nil {
			return seen, nil
		}
	}
	return 0, err
}
