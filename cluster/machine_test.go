package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// testMachine is a StateMachine that remembers everything in memory. Like the
// real one it holds nothing on disk but what a snapshot brought it, so after a
// restart it begins at the newest snapshot.
//
// A request "due D" asks for a tick after the duration D of machine time; "set V"
// sets the register; "fail" is a fatal error. All others are only remembered.
type testMachine struct {
	mu    sync.Mutex
	state machineState

	entries      int           // entries applied by this process
	restored     int           // snapshots taken by this process
	applying     chan struct{} // when set, Apply waits until it can receive
	snapshotting chan struct{} // and Snapshot until it can from this one
	rotten       bool          // what is written to snapshots is damaged
}

// filling is what all snapshots have in them.
var filling = bytes.Repeat([]byte("filling "), 100_000)

var errRotten = errors.New("rotten")

// rot makes all snapshots from now on damaged ones.
func (m *testMachine) rot() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rotten = true
}

type machineState struct {
	Applied  uint64
	Micros   int64
	Due      int64
	Fired    int
	Register string
	History  []string

	Voters, NonVoters, Removed []string
}

func newTestMachine() *testMachine { return &testMachine{} }

func (m *testMachine) Apply(index uint64, micros int64, requests [][]byte) (func(int) []byte, error) {
	m.mu.Lock()
	applying := m.applying
	m.mu.Unlock()
	if applying != nil {
		<-applying
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if index <= m.state.Applied {
		return nil, fmt.Errorf("entry %d after entry %d", index, m.state.Applied)
	}
	m.state.Applied = index
	m.entries++
	m.state.Micros = max(m.state.Micros, micros)
	if m.state.Due != 0 && m.state.Micros >= m.state.Due {
		m.state.Due = 0
		m.state.Fired++
		m.state.History = append(m.state.History, fmt.Sprintf("fired@%d", index))
	}
	first := len(m.state.History)
	for _, r := range requests {
		if err := m.state.run(string(r)); err != nil {
			return nil, err
		}
	}
	return func(i int) []byte { return fmt.Appendf(nil, "%d:%s", first+i, requests[i]) }, nil
}

func (m *testMachine) Configure(index uint64, voters, nonVoters []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Applied = max(index, m.state.Applied)
	for _, name := range slices.Concat(m.state.Voters, m.state.NonVoters) {
		if !slices.Contains(voters, name) && !slices.Contains(nonVoters, name) {
			m.state.Removed = append(m.state.Removed, name)
		}
	}
	m.state.Voters, m.state.NonVoters = voters, nonVoters
	return nil
}

func (s *machineState) run(request string) error {
	s.History = append(s.History, request)
	var rest string
	switch {
	case request == "fail":
		return errors.New("asked to fail")
	case cut(request, "due ", &rest):
		d, err := time.ParseDuration(rest)
		if err != nil {
			return err
		}
		s.Due = s.Micros + d.Microseconds()
	case cut(request, "set ", &rest):
		s.Register = rest
	}
	return nil
}

func cut(s, prefix string, rest *string) bool {
	if len(s) < len(prefix) || s[:len(prefix)] != prefix {
		return false
	}
	*rest = s[len(prefix):]
	return true
}

func (m *testMachine) AppliedIndex() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Applied
}

func (m *testMachine) Time() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Micros
}

func (m *testMachine) NextDue() (int64, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Due, m.state.Due != 0
}

func (m *testMachine) Snapshot(_ context.Context, dir string) error {
	m.mu.Lock()
	data, err := json.Marshal(m.state)
	snapshotting, filling := m.snapshotting, filling
	if m.rotten {
		filling = filling[1:]
	}
	m.mu.Unlock()
	if snapshotting != nil {
		<-snapshotting
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "deeper"), 0o700); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "state.json"), data, 0o600),
		os.WriteFile(filepath.Join(dir, "deeper", "filling"), filling, 0o600),
		os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600),
	)
}

func (m *testMachine) Check(_ context.Context, dir string, first, last uint64) error {
	got, err := os.ReadFile(filepath.Join(dir, "deeper", "filling"))
	if err == nil && !bytes.Equal(got, filling) {
		err = errRotten
	}
	state, readErr := readState(dir)
	if err = errors.Join(err, readErr); err == nil && (state.Applied < first || state.Applied > last) {
		err = fmt.Errorf("it ends with entry %d and not with one from %d to %d", state.Applied, first, last)
	}
	return err
}

// readState reads the state in a snapshot.
func readState(dir string) (state machineState, err error) {
	data, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err == nil {
		err = json.Unmarshal(data, &state)
	}
	return state, err
}

func (m *testMachine) Restore(dir string) error {
	state, err := readState(dir)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = state
	m.restored++
	return nil
}

// restores is how many snapshots took the place of the state.
func (m *testMachine) restores() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.restored
}

// snapshot is a copy of the state.
func (m *testMachine) snapshot() machineState {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.state
	s.History = append([]string(nil), s.History...)
	return s
}

func (m *testMachine) applied() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries
}
