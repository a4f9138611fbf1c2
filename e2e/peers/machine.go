package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// What a machine does for so long says how fast it is at the moment.
const (
	syncs          = 100
	verifyFor      = time.Second
	signatureBatch = 256
)

// measure adds a round's figures.
func (m *machine) measure(dir string, signatures bool) error {
	took, err := syncTime(dir)
	if err != nil {
		return err
	}
	m.sync = append(m.sync, took.Seconds()*1e3)
	if !signatures {
		return nil
	}
	rate, err := signatureRate()
	if err != nil {
		return err
	}
	m.signatures = append(m.signatures, rate)
	return nil
}

// syncTime is how long it takes to add a few bytes to a file and have them on the disk:
// whoever answers a lone client in less than that did not wait for a disk.
func syncTime(dir string) (median time.Duration, err error) {
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(filepath.Clean(f.Name()))) }()
	var took []time.Duration
	for range syncs {
		began := time.Now()
		if _, err := f.Write(make([]byte, payload)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[syncs/2], nil
}

// signatureRate is how many Ed25519 signatures a second all cores together verify in batches
// of 256, by ZIP-215 with the library that bpsc has. Three members on these cores have a third
// of it each.
func signatureRate() (float64, error) {
	options := &ed25519.Options{Verify: ed25519.VerifyOptionsZIP_215}
	type signed struct {
		key                ed25519.PublicKey
		message, signature []byte
	}
	var batch []signed
	for i := range signatureBatch {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return 0, err
		}
		message := fmt.Appendf(nil, "%0*d", payload, i)
		batch = append(batch, signed{public, message, ed25519.Sign(private, message)})
	}
	var verified, bad atomic.Int64
	began := time.Now()
	var cores sync.WaitGroup
	for range runtime.NumCPU() {
		cores.Go(func() {
			for time.Since(began) < verifyFor {
				v := ed25519.NewBatchVerifierWithCapacity(len(batch))
				for _, s := range batch {
					v.AddWithOptions(s.key, s.message, s.signature, options)
				}
				if all, _ := v.Verify(nil); !all {
					bad.Add(1)
				}
				verified.Add(int64(len(batch)))
			}
		})
	}
	cores.Wait()
	if bad.Load() > 0 {
		return 0, errors.New("a good signature was found bad")
	}
	return float64(verified.Load()) / time.Since(began).Seconds(), nil
}
