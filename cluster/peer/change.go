package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/bpsc/bpsc/internal/outcome"
)

const (
	// What a change of the members and its answer are at most: a plan of a few steps,
	// each with the names of all voters.
	maxChangeBytes = 64 << 10

	// How often one that waits for the answer looks whether the leader still leads, and
	// how often it may find that it does not: one that makes way says so at once.
	changePatience = time.Second
	maxLost        = 3
)

// AskChange has the leader at the other end make a change, and returns its answer. It
// waits for that until ctx ends, or valid says that nobody answers any more. An error
// wraps outcome.NoLeader where the leader cannot have understood the request.
func AskChange(ctx context.Context, conn net.Conn, request []byte, valid func() bool) ([]byte, error) {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := writeFrame(conn, frame{kind: frameChange, id: 1, body: request}); err != nil {
		return nil, fmt.Errorf("%w: %w", outcome.NoLeader, err)
	}
	r := bufio.NewReader(conn)
	for lost := 0; ; {
		if err := conn.SetReadDeadline(time.Now().Add(changePatience)); err != nil {
			return nil, fmt.Errorf("%w: %w", outcome.Unknown, err)
		}
		_, err := r.Peek(1)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if !valid() {
				lost++
			}
			if lost < maxLost {
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%w: the leader is gone: %w", outcome.Unknown, errors.Join(err, ctx.Err()))
		}
		f, err := readFrame(r, maxChangeBytes)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: %w", outcome.Unknown, err)
		case f.kind == frameGoAway && f.id == 0:
			return nil, fmt.Errorf("%w: the leader stops", outcome.NoLeader)
		case f.kind != frameChangeAnswer:
			return nil, fmt.Errorf("%w: %w of kind %d", outcome.Unknown, errFrame, f.kind)
		}
		return f.body, nil
	}
}
