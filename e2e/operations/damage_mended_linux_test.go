package operations

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// copied copies a folder, with the permissions of its files and with links among them.
func copied(t *testing.T, from, to string) error {
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// hasAll tells whether a member's folder has all files that one has.
func (s *sickroom) hasAll(m *harness.Member) func(context.Context) error {
	return func(context.Context) error {
		for _, pattern := range []string{"attest/*.json", "neighbours.json", "member.key"} {
			if paths, err := filepath.Glob(filepath.Join(m.Data, pattern)); err != nil || len(paths) == 0 {
				return fmt.Errorf("it has no %s, %v", pattern, err)
			}
		}
		return nil
	}
}

// mended starts a member on a damaged folder. It serves no block that is not what it was,
// however long it runs; it is ready, or says what to do, which is done. That is the outcome.
func (s *sickroom) mended(t *testing.T, m *harness.Member, w wounded) (outcome string) {
	t.Helper()
	_, err := os.Stat(filepath.Join(m.Data, w.file))
	heard := w.heard && errors.Is(err, os.ErrNotExist)
	must(t, os.Truncate(m.Log, 0), m.Start())
	reading, stop := context.WithCancel(t.Context())
	read := make(chan error, 1)
	go func() { read <- s.reads(reading, m) }()
	said := s.outcome(t, m, heard)
	stop()
	must(t, <-read)
	if said == "" {
		return harmless
	}
	names(t, said, m.Data, w.file)
	command := commandIn(t, said)
	var before []byte
	before, err = os.ReadFile(filepath.Join(m.Data, "raft", "identity.json"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	rebuilt(t, m, command)
	must(t, s.c.AwaitReady(t.Context(), 30*time.Second))
	after, err := os.ReadFile(filepath.Join(m.Data, "raft", "identity.json"))
	must(t, err)
	if bytes.Equal(before, after) {
		return stays
	}
	awaitVoters(t, s.c, "n2 n3 n1") // the new one came last
	return replaced
}

// outcome waits until a member is ready, and returns "", or until it has said what to do, and
// returns that. One that cannot take part though it runs is stopped then; heard: it is ready
// before that.
func (s *sickroom) outcome(t *testing.T, m *harness.Member, heard bool) (said string) {
	t.Helper()
	until(t, 30*time.Second, m.ID+" is ready, or says what to do", func(ctx context.Context) error {
		if !m.Alive() {
			code, err := m.AwaitExit(ctx, time.Second)
			if said = m.LogTail(60); err != nil || code == 0 {
				return harness.Permanent(fmt.Errorf("it ended with %d, %v: %s", code, err, said))
			}
			return nil
		}
		err := harness.Get(ctx, s.c.HTTP, m.URL+"/readyz", nil)
		if all := m.LogTail(60); mends.MatchString(all) && strings.Contains(all, "stop this member") {
			said = all
			return nil
		}
		if err == nil && heard {
			err = errors.New("it has not heard yet what the others know")
		}
		return err
	})
	if said != "" && m.Alive() {
		must(t, m.Terminate())
		if code, err := m.AwaitExit(t.Context(), 20*time.Second); err != nil || code != 0 {
			t.Fatal(code, err)
		}
	}
	return said
}

// names makes sure that a message says which file, and what to do.
func names(t *testing.T, said, data, pattern string) {
	t.Helper()
	named := filepath.Join(data, strings.SplitN(pattern, "*", 2)[0])
	if strings.HasPrefix(pattern, "state/") || strings.HasPrefix(pattern, "raft/snapshots/") && !strings.HasSuffix(pattern, "meta.json") {
		named = data // a part of a database: its folder
	}
	if !strings.Contains(said, strings.TrimRight(named, "/")) || !strings.Contains(said, "What to do: ") || strings.Contains(said, "goroutine ") {
		t.Errorf("it does not say that it is %s, or what to do:\n%s", named, said)
	}
}

// refusesIn starts a member that must not start, and returns what it says.
func refusesIn(t *testing.T, m *harness.Member) string {
	t.Helper()
	refuses(t, m, m.Log)
	return m.LogTail(60)
}

// rebuilt runs the command of a stopped member, and starts the member when it is to be started,
// as whatever supervises it would: while the command waits for another one in its place, or
// afterwards.
func rebuilt(t *testing.T, m *harness.Member, command string) {
	t.Helper()
	type end struct {
		said
		err error
	}
	ended := make(chan end, 1)
	go func() {
		s, err := inShell(t.Context(), command)
		ended <- end{s, err}
	}()
	var e end
	until(t, time.Minute, m.ID+" is rebuilt", func(context.Context) error {
		select {
		case e = <-ended:
			return nil
		default:
		}
		if _, err := os.Stat(filepath.Join(m.Data, "raft")); !m.Alive() && errors.Is(err, os.ErrNotExist) {
			return errors.Join(m.Start(), errors.New("it has been started"))
		}
		return errors.New("the command has not ended")
	})
	t.Logf("%s: %d\n%s%s", command, e.code, e.out, e.said.err)
	must(t, e.err)
	if e.code != 0 {
		t.Fatalf("the command ended with %d", e.code)
	}
	if !m.Alive() {
		must(t, m.Start())
	}
}

// reads reads blocks of a member until ctx ends. Those that it gets have to be what they were.
func (s *sickroom) reads(ctx context.Context, m *harness.Member) error {
	for ctx.Err() == nil {
		for i, want := range s.tip {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/v1/blocks/%d", m.URL, i+1), nil)
			if err != nil {
				return err
			}
			answer, err := s.c.HTTP.Do(req)
			if err != nil {
				break // it does not serve yet, or any more
			}
			got, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err == nil && answer.StatusCode == http.StatusOK && !bytes.Equal(got, want) {
				return fmt.Errorf("%s serves another block %d:\n%s\nand it is\n%s", m.ID, i+1, got, want)
			}
		}
		select {
		case <-time.After(20 * time.Millisecond): // it may not be up yet
		case <-ctx.Done():
		}
	}
	return nil
}
