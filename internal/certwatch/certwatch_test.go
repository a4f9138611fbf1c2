package certwatch_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/bubble"
	"github.com/bpsc/bpsc/internal/certwatch"
	"github.com/bpsc/bpsc/internal/pki"
	"github.com/bpsc/bpsc/internal/pki/pkitest"
)

// What is wrong with new files is said once, and the certificates before are kept.
func TestBadFilesAreNotTaken(t *testing.T) {
	ca, foreign, now := pkitest.Authority(t, "one"), pkitest.Authority(t, "one"), time.Now()
	dir := t.TempDir()
	files := pkitest.Write(t, dir, pkitest.Member(t, ca, "one", "n1", now), ca)
	var log bytes.Buffer
	s, err := certwatch.OpenMember(files, "n1", slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	good := s.Current()
	for name, spoil := range map[string]func(){
		"expired":       func() { pkitest.Write(t, dir, pkitest.Member(t, ca, "one", "n1", now.Add(-48*time.Hour)), ca) },
		"another's":     func() { pkitest.Write(t, dir, pkitest.Member(t, ca, "one", "n2", now), ca) },
		"other cluster": func() { pkitest.Write(t, dir, pkitest.Member(t, ca, "two", "n1", now), ca) },
		"foreign":       func() { pkitest.Write(t, dir, pkitest.Member(t, foreign, "one", "n1", now), ca) },
		"half a pair":   func() { require.NoError(t, os.WriteFile(files.Key, []byte("c0ffee"), 0o600)) },
		"open to all":   func() { require.NoError(t, os.Chmod(files.Key, 0o644)) },
		"gone":          func() { require.NoError(t, os.Remove(files.Cert)) },
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			spoil()
			for range 3 {
				require.Error(t, s.Reload())
			}
			require.Same(t, good, s.Current())
			require.Equal(t, 1, strings.Count(log.String(), "are not taken"), log.String())
			require.NotContains(t, log.String(), "c0ffee")
			require.NoError(t, os.RemoveAll(files.Key))
			pkitest.Write(t, dir, pkitest.Member(t, ca, "one", "n1", now), ca)
			require.NoError(t, s.Reload())
			require.NotSame(t, good, s.Current())
			good = s.Current()
		})
	}
}

// Links that are swapped, as Kubernetes does it, are followed.
func TestSwappedLinks(t *testing.T) {
	ca, dir := pkitest.Authority(t, "one"), t.TempDir()
	old, next := filepath.Join(dir, "1"), filepath.Join(dir, "2")
	require.NoError(t, os.Mkdir(old, 0o700))
	require.NoError(t, os.Mkdir(next, 0o700))
	pkitest.Write(t, old, pkitest.Member(t, ca, "one", "n1", time.Now()), ca)
	pkitest.Write(t, next, pkitest.Member(t, ca, "one", "n1", time.Now().Add(time.Hour)), ca)
	link := filepath.Join(dir, "data")
	require.NoError(t, os.Symlink(old, link))
	in := func(name string) string { return filepath.Join(link, name) }
	s, err := certwatch.OpenMember(certwatch.Files{Cert: in("tls.crt"), Key: in("tls.key"), CA: in("ca.crt")}, "n1", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	before := s.Expiry()
	require.NoError(t, os.Symlink(next, link+".new"))
	require.NoError(t, os.Rename(link+".new", link))
	require.NoError(t, s.Reload())
	require.True(t, s.Expiry().After(before))
}

// New files are found without a word from anybody, and an end that comes near is said once
// a day.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, dir := pkitest.Authority(t, "one"), t.TempDir()
		files := pkitest.Write(t, dir, pkitest.Member(t, ca, "one", "n1", time.Now()), ca)
		var log bytes.Buffer
		s, err := certwatch.OpenMember(files, "n1", slog.New(slog.NewTextHandler(&log, nil)))
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); s.Run(ctx) }()
		bubble.Pass(time.Minute)
		require.Equal(t, 1, strings.Count(log.String(), "end soon"), log.String())

		long, err := ca.Member(pki.Name{Cluster: "one", Member: "n1"}, time.Now(), pki.LeafValid)
		require.NoError(t, err)
		pkitest.Write(t, dir, long, ca)
		bubble.Pass(time.Minute)
		require.Equal(t, 1, strings.Count(log.String(), "took new certificates"), log.String())
		require.Equal(t, long.Certificate.NotAfter, s.Expiry())
		cancel()
		<-ended
	})
}
