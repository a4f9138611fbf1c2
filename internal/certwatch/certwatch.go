// Package certwatch has the certificates of a process follow their files. They are looked
// at every few seconds and by their content: that works on every file system and with
// every way to replace a file, the swapped links of Kubernetes among them, and a pair of
// which only one half is there yet is read again a little later.
package certwatch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bpsc/bpsc/internal/pki"
	"github.com/bpsc/bpsc/internal/secretfile"
)

const (
	// lookEvery is how often the files are read: some kilobytes.
	lookEvery = 5 * time.Second

	// Soon is how long before their end certificates are spoken of: time for people to
	// make new ones, with a weekend in it.
	Soon = 14 * 24 * time.Hour
)

// Files are where certificates are.
type Files struct {
	Cert string // of this process, and of those between it and the authority
	Key  string
	CA   string // authorities that are trusted; "" for none
}

// Material is what the files have.
type Material struct {
	Certificate tls.Certificate // with its leaf
	Roots       *x509.CertPool  // nil where there is no file of authorities
	authorities []*x509.Certificate
}

// Expiry is when the first of the certificates ends.
func (m *Material) Expiry() time.Time {
	first := m.Certificate.Leaf.NotAfter
	for _, ca := range m.authorities {
		// One that is left for those who still need it may end.
		if len(m.authorities) == 1 && ca.NotAfter.Before(first) {
			first = ca.NotAfter
		}
	}
	return first
}

// Source has the newest certificates that were good. It is safe for concurrent use.
type Source struct {
	files Files
	check func(*Material) error
	log   *slog.Logger
	now   func() time.Time

	current atomic.Pointer[Material]

	mu     sync.Mutex // one reload at a time; guards what follows
	taken  [3][]byte  // what the files had from which the current ones are
	wrong  string     // what was wrong with the files at the last look; "" for nothing
	told   bool       // the log has that
	warned time.Time  // when the log said last that they end soon
}

// Open reads the files. check says what else must hold of them, now and whenever they
// change; nil for nothing.
func Open(files Files, check func(*Material) error, log *slog.Logger) (*Source, error) {
	s := &Source{files: files, check: check, log: log, now: time.Now}
	if err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Current is the newest certificates that were good.
func (s *Source) Current() *Material { return s.current.Load() }

// Certificate is the current one, for tls.Config.
func (s *Source) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return &s.Current().Certificate, nil
}

// Expiry is when the first of the current certificates ends.
func (s *Source) Expiry() time.Time { return s.Current().Expiry() }

// Run looks at the files until ctx ends.
func (s *Source) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = s.Reload() // it has logged what is wrong
			s.warn()
		}
	}
}

// Reload looks at the files now. Where they are not good the certificates before are kept;
// the log has why, once, when it is so at two looks: a pair may be on its way.
func (s *Source) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.look()
	if err == nil {
		s.wrong, s.told = "", false
		return nil
	}
	if text := err.Error(); text != s.wrong {
		s.wrong, s.told = text, false
	} else if !s.told {
		s.told = true
		s.log.Error("the certificates of "+s.files.Cert+" are not taken, those before are kept", "error", err)
	}
	return err
}

// look makes what the files have current, if it is new and good.
func (s *Source) look() error {
	read, err := s.files.read()
	if err != nil || s.current.Load() != nil && same(read, s.taken) {
		return err
	}
	m, err := s.files.parse(read)
	if err != nil {
		return err
	}
	if err := s.judge(m); err != nil {
		return fmt.Errorf("%s: %w", s.files.Cert, err)
	}
	s.taken = read
	if s.current.Swap(m) != nil {
		s.log.Info("took new certificates", "from", s.files.Cert, "until", m.Expiry().UTC().Format(time.RFC3339))
	}
	return nil
}

// judge says what is wrong with certificates that could be read.
func (s *Source) judge(m *Material) error {
	for _, cert := range append([]*x509.Certificate{m.Certificate.Leaf}, m.authorities...) {
		if err := pki.ValidAt(cert, s.now()); err != nil && (cert == m.Certificate.Leaf || len(m.authorities) == 1) {
			return err
		}
	}
	if s.check == nil {
		return nil
	}
	return s.check(m)
}

// warn says once a day that certificates end soon, or have ended.
func (s *Source) warn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.Expiry().Sub(s.now())
	if left > Soon || s.now().Sub(s.warned) < 24*time.Hour {
		return
	}
	s.warned = s.now()
	s.log.Warn("certificates end soon: replace the files, they are taken without a restart",
		"certificate", s.files.Cert, "until", s.Expiry().UTC().Format(time.RFC3339), "left", left.Round(time.Minute))
}

// read reads the files, as far as there are any.
func (f Files) read() (read [3][]byte, err error) {
	for i, path := range []string{f.Cert, f.Key, f.CA} {
		if path == "" {
			continue
		}
		look := readBounded
		if path == f.Key {
			look = secretfile.Read
		}
		if read[i], err = look(path, pki.MaxFile); err != nil {
			return read, err
		}
	}
	return read, nil
}

func readBounded(path string, limit int) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	if err == nil && len(text) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return text, err
}

func (f Files) parse(read [3][]byte) (m *Material, err error) {
	m = &Material{}
	if m.Certificate, err = tls.X509KeyPair(read[0], read[1]); err != nil {
		return nil, fmt.Errorf("%s and %s: %w", f.Cert, f.Key, err)
	}
	if f.CA == "" {
		return m, nil
	}
	if m.Roots, err = pki.Pool(read[2]); err == nil {
		m.authorities, err = pki.Certificates(read[2])
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.CA, err)
	}
	return m, nil
}

func same(a, b [3][]byte) bool {
	return bytes.Equal(a[0], b[0]) && bytes.Equal(a[1], b[1]) && bytes.Equal(a[2], b[2])
}
