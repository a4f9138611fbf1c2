package witness

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
)

func (w *Witness) evidenceDir(origin string) string {
	return filepath.Join(w.dir, "evidence", fileName(origin))
}

// convict keeps what proves that members signed two histories: the newest
// checkpoint and c, which has its size and another root. Who calls it holds the
// chain's lock.
func (w *Witness) convict(a *authority, c proof.Checkpoint, note []byte) {
	w.contradicted.Add(1)
	path := filepath.Join(w.evidenceDir(c.Origin), fmt.Sprintf("%d-%s%s", c.Size, c.Root.String()[:16], proof.EvidenceSuffix))
	if known, err := durable.Exists(path); err == nil && known {
		return // anybody can send it again
	}
	r, _, err := readRecord(w.recordPath(c.Origin))
	if err != nil {
		w.logger.Error("two histories of one chain, and the first is not to be read", "origin", c.Origin, "note", string(note), "error", err)
		return
	}
	e, err := proof.NewEquivocation([]byte(r.Note), note, chain.Hash{}, nil)
	if err != nil {
		w.logger.Error("two histories of one chain", "origin", c.Origin, "first", r.Note, "second", string(note), "error", err)
		return
	}
	var signed []string
	// Nobody signed both where the policy has other members by now.
	if found, err := e.Verify(a.policies.Load()); err == nil {
		signed = found.Signed
	}
	kept, err := w.keep(path, e)
	alarm := w.logger.With("origin", c.Origin, "size", c.Size, "signed_both", signed)
	switch {
	case err != nil:
		alarm.Error("two histories of one chain, and the evidence could not be kept", "evidence", string(e.Marshal()), "error", err)
	case kept:
		alarm.Error("two histories of one chain: here is the evidence", "file", path)
	default:
		alarm.Error("two histories of one chain, and there is evidence enough", "folder", filepath.Dir(path))
	}
}

// keep writes e, unless there is enough against its chain.
func (w *Witness) keep(path string, e *proof.Equivocation) (bool, error) {
	dir := filepath.Dir(path)
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	count := 0
	for _, f := range files {
		if strings.HasSuffix(f.Name(), proof.EvidenceSuffix) {
			count++
		}
	}
	if count >= maxEvidence {
		return false, nil
	}
	return true, durable.WriteFile(path, e.Marshal(), 0o600)
}
