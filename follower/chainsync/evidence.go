package chainsync

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
)

// evidence is the folder of what upstreams served and should not have. Files
// are written once and never changed; whoever runs the node moves them away.
type evidence struct {
	cfg    *Config
	ledger Ledger

	mu sync.Mutex // one file is written at a time
}

// Evidence is the content of one file. What was served is one line, so at most
// chain.MaxBlockBytes.
type Evidence struct {
	Time         time.Time `json:"time"`
	Upstream     string    `json:"upstream"`
	Token        string    `json:"token"`
	Index        uint64    `json:"index"` // the height they were served for
	Reason       Reason    `json:"reason"`
	Detail       string    `json:"detail"`
	SHA256       string    `json:"sha256"`                  // of the bytes served
	Served       string    `json:"served,omitempty"`        // the bytes, where they are text
	ServedBytes  []byte    `json:"served_base64,omitempty"` // and where they are not UTF-8
	Before       string    `json:"served_before,omitempty"` // what was served for the height below, where they do not link
	Ours         string    `json:"ours,omitempty"`          // our block at that height
	PreviousHash string    `json:"our_previous_hash,omitempty"`

	// Of a checkpoint, which was served as a signed note.
	OurRoot       string `json:"our_root,omitempty"`       // of the log of our blocks at that size
	OurCheckpoint string `json:"our_checkpoint,omitempty"` // the newest note that we had verified before
}

const evidenceSuffix = ".json"

// report keeps the evidence of a refusal. The error is final.
func (e *evidence) report(token string, r *refusal, now time.Time) error {
	file, err := e.keep(token, r, now)
	if err != nil {
		return fmt.Errorf("follower: evidence: %w", err)
	}
	e.cfg.Logger.Error("evidence against an upstream", "contract", token, "block", r.index,
		"upstream", r.peer.url, "reason", r.reason, "detail", r.detail, "file", file)
	if e.cfg.Strict {
		return fmt.Errorf("%w: %s about block %d of %s: %w", ErrEvidence, r.peer.url, r.index, token, r)
	}
	return nil
}

// keep writes the evidence of a refusal, once for the same bytes, and returns
// the file's name; "" when the folder is full.
func (e *evidence) keep(token string, r *refusal, now time.Time) (string, error) {
	return e.write(token, r.index, r.same(), evidenceSuffix, func() ([]byte, error) {
		content := Evidence{
			Time: now.UTC(), Upstream: r.peer.url, Token: token, Index: r.index,
			Reason: r.reason, Detail: r.detail, SHA256: chain.HashBytes(r.served).String(),
			Before: string(r.before),
		}
		if utf8.Valid(r.served) {
			content.Served = string(r.served)
		} else {
			content.ServedBytes = r.served
		}
		if r.against != nil {
			content.OurRoot, content.OurCheckpoint = r.against.root.String(), string(r.against.note)
		} else if err := content.addOurs(e.ledger); err != nil {
			return nil, err
		}
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err := encoder.Encode(&content)
		return text.Bytes(), err
	})
}

// keepProof writes what convicts members, by itself and before anybody; once
// for a checkpoint.
func (e *evidence) keepProof(token string, index uint64, same []byte, proven *proof.Equivocation) (string, error) {
	return e.write(token, index, same, proof.EvidenceSuffix, func() ([]byte, error) {
		return proven.Marshal(), nil
	})
}

// write writes a file that is not there yet, if there is room, and returns its
// name; "" when there is none. It is named after what makes two of them the same.
func (e *evidence) write(token string, index uint64, same []byte, suffix string, content func() ([]byte, error)) (string, error) {
	name := fmt.Sprintf("%s-%d-%.16s%s", token, index, chain.HashBytes(same), suffix)
	e.mu.Lock()
	defer e.mu.Unlock()
	names, err := e.list()
	if err != nil || len(names) >= maxEvidence {
		return "", err
	}
	if err := durable.MkdirAll(e.cfg.Evidence, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(e.cfg.Evidence, name)
	if there, err := durable.Exists(path); there || err != nil {
		return name, err
	}
	text, err := content()
	if err != nil {
		return name, err
	}
	return name, durable.WriteFile(path, text, 0o600)
}

// addOurs adds what we have instead.
func (c *Evidence) addOurs(l Ledger) error {
	ours, _, err := l.Block(c.Token, c.Index)
	if err != nil && !missing(err) {
		return err
	}
	c.Ours = string(ours)
	if c.Index < 2 {
		return nil
	}
	_, hash, err := l.Block(c.Token, c.Index-1)
	if missing(err) {
		return nil
	}
	c.PreviousHash = hash.String()
	return err
}

func missing(err error) bool {
	return errors.Is(err, chain.NotFound) || errors.Is(err, chain.ContractUnknown)
}

// list returns the names of the files, sorted. It looks at the folder each
// time: nobody tells us that files were moved away.
func (e *evidence) list() (names []string, err error) {
	entries, err := os.ReadDir(e.cfg.Evidence)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // the folder may be moved away with them
		return nil, err
	}
	for _, entry := range entries {
		if entry.Type() == fs.FileMode(0) && strings.HasSuffix(entry.Name(), evidenceSuffix) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// evidenceToken is the contract that a file is about; tokens have dashes too.
func evidenceToken(name string) string {
	for range 2 {
		if i := strings.LastIndexByte(name, '-'); i >= 0 {
			name = name[:i]
		}
	}
	return name
}
