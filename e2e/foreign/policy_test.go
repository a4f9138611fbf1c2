package foreign

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"filippo.io/torchwood"
	f_log "github.com/transparency-dev/formats/log"
	f_witness "github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// policy is a policy file as it is served, read by two libraries.
type policy struct {
	origin   string
	keys     []string // of the log
	prefixes []string // where each has the log
	// torchwood 0.10.0 wants every log that is listed to have signed, and the format any one
	// of them, so it is given the file once for each, with the other lines left out.
	perLog []torchwood.Policy
	quorum f_witness.Group // of transparency-dev, which passes over logs
	logs   []note.Verifier
}

// policyOf is the policy that a member serves, once it knows the chain.
func policyOf(t *testing.T, m *member) *policy {
	t.Helper()
	var text []byte
	until(t, "the policy names the chain", func(ctx context.Context) (err error) {
		if text, err = get(ctx, m.url+"/v1/policy?contract=aka"); err == nil && !strings.Contains(string(text), "\nlog ") {
			err = errors.New(string(text))
		}
		return err
	})
	if _, err := torchwood.ParsePolicy(text); err != nil {
		t.Fatalf("torchwood refuses the policy as it is served: %v\n%s", err, text)
	}
	p := &policy{}
	var err error
	p.quorum, err = f_witness.ParsePolicy(text)
	check(t, err)
	lines := strings.SplitAfter(string(text), "\n")
	for i, line := range lines {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "log" {
			continue
		}
		key, err := torchwood.NewLogVerifier(fields[1])
		check(t, err)
		p.origin, p.logs = key.Name(), append(p.logs, key)
		p.keys, p.prefixes = append(p.keys, fields[1]), append(p.prefixes, fields[2])
		only := slices.Concat(slices.DeleteFunc(slices.Clone(lines[:i]), isLog), lines[i:i+1], slices.DeleteFunc(slices.Clone(lines[i+1:]), isLog))
		one, err := torchwood.ParsePolicy([]byte(strings.Join(only, "")))
		check(t, err)
		p.perLog = append(p.perLog, one)
	}
	if len(p.keys) != 3 {
		t.Fatalf("%d members may speak for the log:\n%s", len(p.keys), text)
	}
	return p
}

func isLog(line string) bool { return strings.HasPrefix(line, "log ") }

// checkpoint verifies a checkpoint by both libraries, which have to come to the same.
func (p *policy) checkpoint(t *testing.T, signed []byte) (c torchwood.Checkpoint, err error) {
	t.Helper()
	for _, one := range p.perLog {
		if c, _, err = torchwood.VerifyCheckpoint(signed, one); err == nil {
			break
		}
	}
	other := errors.New("no log has signed, or too few witnesses")
	for _, key := range p.logs {
		if read, _, _, bad := f_log.ParseCheckpoint(signed, p.origin, key); bad == nil && p.quorum.Satisfied(signed) {
			other = nil
			if err == nil && (int64(read.Size) != c.N || string(read.Hash) != string(c.Hash[:])) {
				t.Errorf("transparency-dev reads %+v, torchwood %v", read, c)
			}
		}
	}
	if (err == nil) != (other == nil) {
		t.Errorf("torchwood says %v, transparency-dev %v, of\n%s", err, other, signed)
	}
	return c, err
}

// verify checks a receipt as the tlog-proof that it is: the header of a block, which the
// extra data has, is in the log.
func (p *policy) verify(t *testing.T, receipt []byte) (leaf []byte, err error) {
	t.Helper()
	extra, err := torchwood.ProofExtraData(receipt)
	if err != nil {
		return nil, err
	}
	var file struct{ Leaf json.RawMessage }
	if err := json.Unmarshal(extra, &file); err != nil {
		return nil, err
	}
	for _, one := range p.perLog {
		if err = torchwood.VerifyProof(one, tlog.RecordHash(file.Leaf), receipt); err == nil {
			break
		}
	}
	return file.Leaf, err
}

func (p *policy) accepts(t *testing.T, receipt []byte) {
	t.Helper()
	if _, err := p.verify(t, receipt); err != nil {
		t.Errorf("a good receipt is refused: %v\n%s", err, receipt)
	}
	if _, err := p.checkpoint(t, checkpointOf(receipt)); err != nil {
		t.Errorf("a good checkpoint is refused: %v\n%s", err, receipt)
	}
}

// refuses has something forged looked at.
func (p *policy) refuses(t *testing.T, what string, receipt []byte) {
	t.Helper()
	if _, err := p.verify(t, receipt); err == nil {
		t.Errorf("%s: the receipt is taken\n%s", what, receipt)
	}
}

// checkpointOf is the signed checkpoint at the end of a receipt.
func checkpointOf(receipt []byte) []byte {
	_, signed, _ := strings.Cut(string(receipt), "\n\n")
	return []byte(signed)
}
