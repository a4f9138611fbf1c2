package e2e

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/bpsc/bpsc/internal/harness"
)

// expectReason runs a command that verifies something that is not right, and has
// to say why.
func expectReason(t *testing.T, says []string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = harness.Environ()
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != exitInvalid {
		t.Errorf("bpsc %s: exit code %d (%v)\n%s", strings.Join(args, " "), got, err, out)
	}
	for _, text := range says {
		if !strings.Contains(string(out), text) {
			t.Errorf("bpsc %s does not say %q:\n%s", strings.Join(args, " "), text, out)
		}
	}
}

// A chain can be taken away and judged elsewhere, from an export or from the
// folder of a node that has stopped.
func TestExportAndVerify(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{Contract: oneEach})
	createContract(t, c, `{"token":"points","wallets":"open"}`)
	f := follow(t, "f", c.URLs()...)
	for _, amount := range []string{"1", "12.5", "3"} {
		pay(t, c.Members[0].URL, `{"sender":"a","recipient":"b","amount":`+amount+`}`)
	}
	must(t, http.StatusCreated, http.MethodPost, f.URL+"/v1/transactions?contract=points", transfer)
	j := newJudge(t, c, "--any-chain")
	for _, url := range append(c.URLs(), f.URL) {
		awaitCheckpoint(t, url, "", 4)
		awaitCheckpoint(t, url, "points", 1)
		j.acceptsChain(t, url, "")
	}

	t.Run("an export", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "aka.ndjson.zst")
		bpsc(t, exitOK, "chain", "export", "--file", file, "--contract", "aka", "--server", f.URL)
		out := bpsc(t, exitOK, "chain", "verify", "--file", file, "--policy", j.policy)
		expect(t, out, `aka: 4 blocks with 3 records verify(.|\n)*checkpoint of 4 blocks(.|\n)*signed by `)
		tamperWithExport(t, j, file)
	})
	t.Run("the folder of a node that runs", func(t *testing.T) {
		for _, data := range []string{c.Members[0].Data, f.Data} {
			bpsc(t, exitFailure, "chain", "verify", "--data", data, "--policy", j.policy)
		}
	})
	t.Run("the folder of a node that has stopped", func(t *testing.T) {
		for _, p := range []*harness.Process{&bystander(t, c).Process, &f.Process} {
			if err := p.Terminate(); err != nil {
				t.Fatal(err)
			}
			mustEnd(t, p, exitOK)
			out := bpsc(t, exitOK, "chain", "verify", "--data", p.Data, "--policy", j.policy)
			expect(t, out, `aka: 4 blocks with 3 records verify.*\n.*checkpoint of 4 blocks.*signed by `)
			expect(t, out, `points: 1 blocks .*\n.*checkpoint of 1 blocks.*signed by `)
			if err := p.Start(); err != nil { // it was only looked at
				t.Fatal(err)
			}
		}
		if err := c.AwaitReady(t.Context(), patience); err != nil {
			t.Fatal(err)
		}
		verifyFollowers(t, c, "", f)
	})
}

// tamperWithExport changes an export as far as somebody can who has no key.
func tamperWithExport(t *testing.T, j judge, file string) {
	t.Helper()
	zipped, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := unzip(t, zipped)
	lines := bytes.SplitAfter(text, []byte("\n"))
	elsewhere := []byte(strings.Repeat("b", 16))
	for name, change := range map[string]func() []byte{
		"a bit of the file":      func() []byte { b := bytes.Clone(zipped); b[len(b)/2] ^= 4; return b },
		"its end is missing":     func() []byte { return zipped[:len(zipped)-9] },
		"an amount":              func() []byte { return zip(t, bytes.Replace(text, []byte("12.5"), []byte("13.5"), 1)) },
		"a block is missing":     func() []byte { return zip(t, bytes.Join(append(lines[:2:2], lines[3:]...), nil)) },
		"the last block is gone": func() []byte { return zip(t, bytes.Join(append(lines[:3:3], lines[4:]...), nil)) },
		"no checkpoint":          func() []byte { return zip(t, bytes.Join(lines[:4], nil)) },
		"another chain's checkpoint": func() []byte {
			origin := bytes.Index(lines[4], []byte("bpsc/aka/")) + len("bpsc/aka/")
			other := bytes.Replace(lines[4], lines[4][origin:origin+16], elsewhere, 1)
			return zip(t, bytes.Join(append(lines[:4:4], other), nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			changed := change()
			if bytes.Equal(changed, zipped) {
				t.Fatal("nothing was changed")
			}
			bad := filepath.Join(t.TempDir(), "bad.ndjson.zst")
			if err := os.WriteFile(bad, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			bpsc(t, exitInvalid, "chain", "verify", "--file", bad, "--policy", j.policy)
		})
	}
}

func unzip(t *testing.T, zipped []byte) []byte {
	t.Helper()
	r, err := zstd.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func zip(t *testing.T, text []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(text, nil)
}
