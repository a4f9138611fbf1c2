package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/bpsc/bpsc/internal/attempt"
)

// Backup asks the first server, a member, for a backup of its state, and hands it to
// read as it comes. For operators: see Client.Token. What has ended early read has to tell by itself. It may take as long
// as bytes keep coming: ErrUnavailable says that none came for Client.Pause.
func (c *Client) Backup(ctx context.Context, read func(archive io.Reader) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pause := cmp.Or(c.Pause, c.totalTimeout)
	silence := time.AfterFunc(pause, func() { cancel(errStalled) })
	defer silence.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.servers[0]+"/v1/backup", nil)
	if err != nil {
		return err
	}
	if err := c.authorize(req); err != nil {
		return err
	}
	trace(req)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status says enough
		a := attempt.Judge(http.MethodGet, resp.StatusCode, body)
		return cmp.Or(failure(&a), fmt.Errorf("client: an answer of status %d is no backup", resp.StatusCode))
	}
	body := &watched{in: resp.Body, silence: silence, pause: pause}
	err = read(body)
	if body.err != nil {
		if errors.Is(context.Cause(ctx), errStalled) {
			return fmt.Errorf("%w: nothing came for %s", ErrUnavailable, pause)
		}
		return fmt.Errorf("%w: the backup broke off: %w", ErrUnavailable, body.err)
	}
	return err
}

// watched counts silence only while somebody waits for bytes.
type watched struct {
	in      io.Reader
	silence *time.Timer
	pause   time.Duration
	err     error // of in, but for its end
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	w.silence.Reset(w.pause)
	n, err := w.in.Read(p)
	w.silence.Stop() // what the caller does takes its own time
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}
