package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/stream"
)

// backingUp is a member's handler whose backups are made so.
func backingUp(t *testing.T, write func(ctx context.Context, out io.Writer) error) http.Handler {
	cfg := DefaultConfig()
	cfg.Backup = write
	return newHandlerWith(t, cfg, newFake())
}

func TestABackupIsTheOperators(t *testing.T) {
	h := backingUp(t, func(_ context.Context, out io.Writer) error {
		_, err := io.WriteString(out, "archive")
		return err
	})
	answer := call(h, "GET", "/v1/backup", "")
	require.Equal(t, 200, answer.Code)
	require.Equal(t, "archive", answer.Body.String())
	require.Equal(t, "application/zstd", answer.Header().Get("Content-Type"))
	requireProblem(t, from(h, "192.0.2.7:1", "GET", "/v1/backup", ""), http.StatusUnauthorized, "token_required", "")
	requireProblem(t, call(h, "GET", "/v1/backup", "", "Origin", "http://evil.example"), http.StatusForbidden, "origin_foreign", "")
}

func TestBackupsAreMadeOneAtATime(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	h := backingUp(t, func(context.Context, io.Writer) error {
		begun <- struct{}{}
		<-goOn
		return nil
	})
	done := make(chan int)
	go func() { done <- call(h, "GET", "/v1/backup", "").Code }()
	<-begun
	requireProblem(t, call(h, "GET", "/v1/backup", ""), http.StatusConflict, "backup_in_progress", "")
	close(goOn)
	require.Equal(t, 200, <-done)
	go func() { <-begun }()
	require.Equal(t, 200, call(h, "GET", "/v1/backup", "").Code, "the place is free again")
}

// What is cut off must not pass for the whole.
func TestABackupThatFails(t *testing.T) {
	early := backingUp(t, func(context.Context, io.Writer) error { return errors.New("no disk") })
	requireProblem(t, call(early, "GET", "/v1/backup", ""), http.StatusInternalServerError, "internal", "")
	late := backingUp(t, func(_ context.Context, out io.Writer) error {
		_, err := out.Write(make([]byte, 2*stream.Chunk))
		return errors.Join(err, errors.New("no disk"))
	})
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { call(late, "GET", "/v1/backup", "") })
}

func TestANodeWithoutBackups(t *testing.T) {
	requireProblem(t, call(newHandler(t, newFake()), "GET", "/v1/backup", ""), http.StatusNotFound, "path_unknown", "")
	f, n := newFake(), newFakeNode()
	h, err := NewFollower(DefaultConfig(), directory{f, n}, n, n, n, f)
	require.NoError(t, err)
	h = conforming(t, h)
	require.Contains(t, requireProblem(t, call(h, "GET", "/v1/backup", ""), http.StatusNotFound, "not_here", "").Detail, "bpsc backup create --chains")
}
