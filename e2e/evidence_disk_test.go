package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/internal/harness"
)

// One bit on the disk of a member turns over while it does not run. The member
// finds it by itself, and says where; what it serves is right in any case.
func TestBitRot(t *testing.T) {
	t.Parallel() // most of it waits
	const flips = 16
	c := startCluster(t, harness.Options{Contract: `{"token":"aka","wallets":"open","schedule":{"transactions":10}}`})
	for i := range 60 {
		pay(t, c.Members[0].URL, fmt.Sprintf(`{"sender":"a","recipient":"b-%d","amount":1,"memo":"%s"}`, i, strings.Repeat("m", 200)))
	}
	verifyCluster(t, c, "")
	m := bystander(t, c)
	_, sound, err := verify.Member(t.Context(), c.HTTP, m.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Terminate(); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, &m.Process, exitOK)
	data := filepath.Join(t.TempDir(), "sound")
	copyData(t, data, m.Data)
	tables, err := filepath.Glob(filepath.Join(m.Data, "state/db-*/*.sst"))
	blobs, err2 := filepath.Glob(filepath.Join(m.Data, "state/db-*/*.blob"))
	if err := errors.Join(err, err2); err != nil || len(tables)*len(blobs) == 0 {
		t.Fatalf("tables %v, blobs %v: %v", tables, blobs, err)
	}
	files := append(tables, blobs...)
	rng, found := rand.New(rand.NewPCG(seed(t), 7)), 0
	for n := range flips {
		replaceState(t, m, data)
		file := files[n%len(files)]
		at, err := flipBit(file, rng, n/len(files)%4 == 3)
		if err != nil {
			t.Fatal(err)
		}
		if findsRot(t, c, m, sound, file) {
			found++
		} else {
			t.Logf("bit %d of %s says nothing", at, filepath.Base(file))
		}
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d bits were found", found, flips)
	if found < flips/2 {
		t.Errorf("%d of %d bits were found", found, flips)
	}
	replaceState(t, m, data)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	verifyCluster(t, c, "")
}

// flipBit changes one bit of a file, anywhere, or in its last bytes: those say
// how to read the others.
func flipBit(path string, rng *rand.Rand, last bool) (at int, err error) {
	err = rewrite(path, func(b []byte) []byte {
		at = rng.IntN(8 * len(b))
		if last {
			at = 8*len(b) - 1 - rng.IntN(8*30)
		}
		b[at/8] ^= 1 << (at % 8)
		return b
	})
	return at, err
}

// findsRot starts a member with a damaged file. It has to end and say so, or to
// serve the blocks as they were.
func findsRot(t *testing.T, c *harness.Cluster, m *harness.Member, sound [][]byte, file string) bool {
	t.Helper()
	if err := os.Truncate(m.Log, 0); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	err := harness.Until(t.Context(), patience, m.ID+" ends, or serves all blocks", func(ctx context.Context) error {
		if !m.Alive() {
			return nil
		}
		if err := c.AwaitReady(ctx, patience); err != nil {
			return nil // it has ended, or will be asked again
		}
		for i, block := range sound {
			text, err := getText(ctx, client, fmt.Sprintf("%s/v1/blocks/%d", m.URL, i+1))
			if err != nil {
				return err
			}
			if !bytes.Equal([]byte(text), block) {
				return harness.Permanent(errors.New("it serves " + text))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if m.Alive() {
		return false
	}
	code, err := m.AwaitExit(t.Context(), patience)
	said := m.LogTail(60)
	if err != nil || code == 0 || !strings.Contains(strings.ToLower(said), "what to do") || !strings.Contains(said, filepath.Dir(file)) || strings.Contains(said, "goroutine ") {
		t.Errorf("%s has a bit that is wrong; exit code %d (%v); it says:\n%s", file, code, err, said)
	}
	return true
}
