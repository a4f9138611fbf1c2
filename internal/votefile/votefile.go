// Package votefile keeps what a raft member must never forget: its current term
// and its vote. It is a raft.StableStore that makes a vote durable in one write.
//
// raft stores a vote in two steps, first its term and then the candidate. With a
// store that writes each step by itself, a crash between them leaves the new
// term beside the old candidate, and a restarted member grants that candidate a
// vote in the new term without looking at its log (hashicorp/raft#661). Here the
// first step is only staged, and the second writes both. Raft does nothing else
// between the two.
package votefile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/bpsc/bpsc/internal/durable"
)

// The keys that raft uses.
const (
	keyCurrentTerm   = "CurrentTerm"
	keyLastVoteTerm  = "LastVoteTerm"
	keyLastVoteCand  = "LastVoteCand"
	formatVersion    = 1
	maxCandidateSize = 1 << 10 // an address
)

var (
	// ErrNotFound has the text by which raft recognises a key that was never
	// set; it compares strings.
	ErrNotFound = errors.New("not found")
	// ErrKey: raft asked for something this file was not made for, which a
	// newer raft might.
	ErrKey = errors.New("votefile: unknown key")
)

// File is the stable store. It implements raft.StableStore.
type File struct {
	path  string
	write func(path string, v any) error // durable.WriteSealed; tests fail it

	mu     sync.Mutex
	state  state
	staged uint64 // term of a vote whose candidate has yet to come; 0 for none
}

// state is the content of the file.
type state struct {
	Format    int    `json:"format"`
	Term      uint64 `json:"term"`
	VoteTerm  uint64 `json:"vote_term"`
	Candidate []byte `json:"candidate"`
}

// Open reads the file at path; when there is none it begins with nothing.
func Open(path string) (*File, error) {
	f := &File{path: path, write: durable.WriteSealed, state: state{Format: formatVersion}}
	err := durable.ReadSealed(path, &f.state)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return nil, fmt.Errorf("votefile: %w", err)
	case f.state.Format != formatVersion:
		return nil, fmt.Errorf("votefile: %s has format %d, this binary knows %d", path, f.state.Format, formatVersion)
	}
	return f, nil
}

// SetUint64 stores the current term, or stages the term of a vote.
func (f *File) SetUint64(key []byte, value uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch string(key) {
	case keyCurrentTerm:
		if f.state.Term == value {
			return nil // raft repeats itself; elections are not slowed by it
		}
		next := f.state
		next.Term = value
		return f.commit(next)
	case keyLastVoteTerm:
		f.staged = value
		return nil
	}
	return fmt.Errorf("%w %q", ErrKey, key)
}

// Set stores the candidate of a vote together with its term.
func (f *File) Set(key, value []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case string(key) != keyLastVoteCand:
		return fmt.Errorf("%w %q", ErrKey, key)
	case f.staged == 0:
		return errors.New("votefile: a candidate without the term of the vote")
	case len(value) > maxCandidateSize:
		return fmt.Errorf("votefile: candidate of %d bytes", len(value))
	}
	next := f.state
	next.VoteTerm, next.Candidate = f.staged, bytes.Clone(value)
	if err := f.commit(next); err != nil {
		return err
	}
	f.staged = 0
	return nil
}

// GetUint64 returns what is durable; a staged term is not.
func (f *File) GetUint64(key []byte) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var value uint64
	switch string(key) {
	case keyCurrentTerm:
		value = f.state.Term
	case keyLastVoteTerm:
		value = f.state.VoteTerm
	default:
		return 0, fmt.Errorf("%w %q", ErrKey, key)
	}
	if value == 0 {
		return 0, ErrNotFound
	}
	return value, nil
}

// Get returns the candidate of the last vote.
func (f *File) Get(key []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if string(key) != keyLastVoteCand {
		return nil, fmt.Errorf("%w %q", ErrKey, key)
	}
	if f.state.VoteTerm == 0 {
		return nil, ErrNotFound
	}
	return bytes.Clone(f.state.Candidate), nil
}

func (f *File) commit(next state) error {
	if err := f.write(f.path, next); err != nil {
		return fmt.Errorf("votefile: %w", err)
	}
	f.state = next
	return nil
}
