package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
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
}
