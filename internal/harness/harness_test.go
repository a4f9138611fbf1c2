package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestUntil(t *testing.T) {
	errNotYet := errors.New("not yet")
	t.Run("ends when the condition holds", func(t *testing.T) {
		asked := 0
		err := Until(t.Context(), time.Minute, "three", func(context.Context) error {
			if asked++; asked < 3 {
				return errNotYet
			}
			return nil
		})
		if err != nil || asked != 3 {
			t.Errorf("asked %d times, %v", asked, err)
		}
	})
	t.Run("gives the last reason when time is up", func(t *testing.T) {
		err := Until(t.Context(), 20*time.Millisecond, "never", func(context.Context) error { return errNotYet })
		if !errors.Is(err, errNotYet) {
			t.Error(err)
		}
	})
	t.Run("gives up at once on what will not change", func(t *testing.T) {
		asked := 0
		err := Until(t.Context(), time.Minute, "never", func(context.Context) error { asked++; return Permanent(errNotYet) })
		if asked != 1 || !errors.Is(err, errNotYet) {
			t.Errorf("asked %d times, %v", asked, err)
		}
	})
}

func TestFreePorts(t *testing.T) {
	first, err := FreePorts(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+21))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	next, err := FreePorts(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if next <= first+10 || next+10 == first+21 || next == first+21 {
		t.Errorf("after %d and %d, with %d taken, came %d", first, first+10, first+21, next)
	}
	if _, err := FreePorts(0, portsInBlock); err == nil {
		t.Error("ports were given that do not fit into a block")
	}
}

// Another process that takes ports at the same time: this test again.
func TestTwoProcessesShareNoPort(t *testing.T) {
	const n = portsInBlock + 50 // more than one block
	take := func() (all []string) {
		for range n {
			port, err := FreePort()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, strconv.Itoa(port))
		}
		return all
	}
	if os.Getenv("BPSC_TEST_PORTS") != "" {
		fmt.Println("ports", strings.Join(take(), " "))
		_, _ = io.Copy(io.Discard, os.Stdin) // keeps them until the other one has taken its own
		return
	}
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTwoProcessesShareNoPort$") //nolint:gosec // itself
	other.Env = append(os.Environ(), "BPSC_TEST_PORTS=1")
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	theirs, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	mine := take()
	if err := errors.Join(in.Close(), other.Wait()); err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(theirs)
	if len(got) != n+1 || got[0] != "ports" {
		t.Fatalf("the other process said %q", theirs)
	}
	for _, port := range got[1:] {
		if slices.Contains(mine, port) {
			t.Errorf("both have %s", port)
		}
	}
}
