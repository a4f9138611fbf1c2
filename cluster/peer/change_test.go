package peer

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/internal/outcome"
)

// changeServer serves one connection, whose other end it returns; change makes changes.
func changeServer(t *testing.T, change func(context.Context, []byte) ([]byte, error)) (s *Server, ask func(context.Context, func() bool) ([]byte, error)) {
	t.Helper()
	client, conn := pair(t)
	s = NewServer(queue.New(), func() bool { return true }, nil, change, slog.New(slog.DiscardHandler))
	served := make(chan struct{})
	go func() { s.Serve("n2", conn, func() {}); close(served) }()
	t.Cleanup(func() { client.Close(); <-served })
	return s, func(ctx context.Context, valid func() bool) ([]byte, error) {
		defer client.Close()
		return AskChange(ctx, client, []byte("add"), valid)
	}
}

func always() bool { return true }

func TestAChangeIsAnswered(t *testing.T) {
	_, ask := changeServer(t, func(_ context.Context, request []byte) ([]byte, error) { return append(request, "ed"...), nil })
	if answer, err := ask(t.Context(), always); err != nil || string(answer) != "added" {
		t.Errorf("%q, %v", answer, err)
	}
}

// untilGone waits for the end of whoever asked, and tells when it has begun to.
func untilGone(begun, ended chan<- struct{}) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, _ []byte) ([]byte, error) {
		close(begun)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}
}

// A change that nobody waits for any more is given up, and nobody knows its outcome.
func TestAChangeEndsWithWhoAsked(t *testing.T) {
	for name, tc := range map[string]struct {
		stop  bool
		valid func() bool
	}{
		"its caller goes":       {false, always},
		"the server stops":      {true, always},
		"another leads by then": {false, func() bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun, ended := make(chan struct{}), make(chan struct{})
			s, ask := changeServer(t, untilGone(begun, ended))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				<-begun
				switch {
				case tc.stop:
					s.Stop()
				case tc.valid():
					cancel()
				}
			}()
			if _, err := ask(ctx, tc.valid); !errors.Is(err, outcome.Unknown) {
				t.Errorf("got %v", err)
			}
			<-ended
		})
	}
}
