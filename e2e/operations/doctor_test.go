package operations

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// doctored is a cluster whose clocks can be set, and its operator.
type doctored struct {
	t *testing.T
	*harness.Cluster
	binary, secret, secretFile string
}

func startDoctored(t *testing.T) *doctored {
	dir := t.TempDir()
	binary, err := harness.BuildPatched(t.Context(), dir,
		harness.Patch{File: "cluster/clock/majority.go", Old: "\t\"slices\"\n", New: "\t\"os\"\n\t\"slices\"\n\t\"strings\"\n"},
		harness.Patch{File: "cluster/clock/majority.go", Old: "wall = time.Time.UnixMicro", New: `wall = func(at time.Time) int64 {
			text, _ := os.ReadFile(os.Args[slices.Index(os.Args, "--data")+1] + ".clock")
			ahead, _ := time.ParseDuration(strings.TrimSpace(string(text)))
			return at.Add(ahead).UnixMicro()
		}`})
	if err != nil {
		t.Fatal(err)
	}
	d := &doctored{t: t, binary: binary, secret: "canary-secret-of-the-operator-4711", secretFile: filepath.Join(dir, "secret")}
	if err := os.WriteFile(d.secretFile, []byte(d.secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d.Cluster, err = harness.New(harness.Options{Binary: binary, Dir: dir, Args: []string{"--operator-secret-file", d.secretFile}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.KillAll(); err != nil {
			t.Error(err)
		}
		for _, m := range d.Members {
			if t.Failed() {
				t.Logf("log of %s:\n%s", m.ID, m.LogTail(20))
			}
		}
	})
	if err := errors.Join(d.Start(t.Context()), d.AwaitReady(t.Context(), 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	return d
}

// run runs a command of the operator's.
func (d *doctored) run(args ...string) (out string, code int) {
	d.t.Helper()
	cmd := exec.CommandContext(d.t.Context(), d.binary, args...)
	cmd.Env = harness.Environ()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		d.t.Fatal(err)
	}
	if stderr.Len() > 0 {
		d.t.Logf("bpsc %s: %s", args[0], &stderr)
	}
	return stdout.String(), cmd.ProcessState.ExitCode()
}

type doctorsFinding struct{ Check, Grade, Value, Advice string }

// examine runs bpsc doctor.
func (d *doctored) examine(args ...string) (list []doctorsFinding, code int) {
	d.t.Helper()
	out, code := d.run(append([]string{"doctor", "-o", "json", "--timeout", "30s", "--server", d.Members[0].URL}, args...)...)
	var found struct{ Findings []doctorsFinding }
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		d.t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	return found.Findings, code
}

// finds waits until the doctor says that about something, and ends with that code.
func (d *doctored) finds(code int, check, grade, value string, args ...string) {
	d.t.Helper()
	err := harness.Until(d.t.Context(), 30*time.Second, check+" is found", func(context.Context) error {
		list, got := d.examine(args...)
		for _, f := range list {
			if f.Check == check && f.Grade == grade && strings.Contains(f.Value, value) {
				if got != code {
					return fmt.Errorf("exit code %d, want %d: %+v", got, code, list)
				}
				if f.Advice == "" && grade != "ok" {
					return errors.New("it does not say what to do")
				}
				return nil
			}
		}
		return fmt.Errorf("%+v", list)
	})
	if err != nil {
		d.t.Error(err)
	}
}

func (d *doctored) setClock(m *harness.Member, ahead time.Duration) {
	next := m.Data + ".clock.next"
	if err := errors.Join(os.WriteFile(next, []byte(ahead.String()), 0o600), os.Rename(next, m.Data+".clock")); err != nil {
		d.t.Fatal(err)
	}
}

// What is wrong: doctor and debug bundle.
func TestTheDoctor(t *testing.T) {
	long(t)
	d := startDoctored(t)
	if _, err := d.HTTP.Post(d.Members[0].URL+"/v1/transactions", "application/json", strings.NewReader(`{"sender":"a","recipient":"b","amount":1}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.HTTP.Post(d.Members[0].URL+"/mine", "", nil); err != nil {
		t.Fatal(err)
	}
	knows := []string{"--operator-secret-file", d.secretFile, "--data", d.Members[0].Data}

	// A cluster that is well. How fast the disk of whoever runs this is, is not asked.
	d.finds(11, "digests", "ok", "3 statements", append(knows, "--backup", t.TempDir())...)
	list, _ := d.examine(knows...)
	for _, f := range list {
		t.Logf("%-5s %-9s %s", f.Grade, f.Check, f.Value)
		if f.Grade != "ok" && f.Check != "fsync" && f.Check != "probe" && f.Check != "disk" && f.Check != "limits" && f.Check != "backup" {
			t.Errorf("a cluster that is well: %+v", f)
		}
	}
	for _, check := range []string{"leader", "quorum", "member", "clock", "fsync", "log", "snapshot", "limits", "versions", "digests", "probe", "backup"} {
		if !strings.Contains(fmt.Sprint(list), "{"+check+" ") {
			t.Errorf("nothing is said of %s", check)
		}
	}
	if list, _ := d.examine(); !strings.Contains(fmt.Sprint(list), "{operator skip n1: more cannot be asked: status 401 token_required") {
		t.Errorf("without the secret: %+v", list)
	}
	if a, err := d.HTTP.Get(d.Members[0].URL + "/v1/diagnostics"); err != nil || a.StatusCode != http.StatusUnauthorized {
		t.Errorf("without the secret: %v, %v", a, err)
	}
	d.finds(11, "backup", "fail", "there is none", append(knows, "--backup", t.TempDir())...)

	// A clock that is an hour off.
	d.setClock(d.Members[1], time.Hour)
	d.finds(11, "clock", "fail", "n2: +36", knows...)
	d.setClock(d.Members[1], 0)
	d.finds(11, "backup", "fail", "there is none", append(knows, "--backup", t.TempDir())...)

	// A member that is down, which a bundle tells, and has its log of.
	if err := d.Members[2].Kill(); err != nil {
		t.Fatal(err)
	}
	d.finds(11, "member", "fail", "n3: does not answer", knows...)
	d.finds(11, "quorum", "warn", "2 of 3 voters, needs 2, can lose 0", knows...)
	d.checkBundle(append(knows, "--log", d.Members[2].Log)...)

	// A majority that is down.
	if err := d.Members[1].Kill(); err != nil {
		t.Fatal(err)
	}
	d.finds(11, "quorum", "fail", "1 of 3 voters", knows...)
	d.finds(11, "leader", "fail", "none", knows...)
	if err := d.Members[0].Kill(); err != nil {
		t.Fatal(err)
	}
	d.finds(11, "cluster", "fail", "no node answers", knows...)
}

// checkBundle looks for what has to be in a bundle, and for what must not.
func (d *doctored) checkBundle(args ...string) {
	d.t.Helper()
	path := filepath.Join(d.t.TempDir(), "out.tar.gz")
	if out, code := d.run(append([]string{"debug", "bundle", path, "--timeout", "60s", "--server", d.Members[0].URL}, args...)...); code != 0 {
		d.t.Fatalf("exit code %d: %s", code, out)
	}
	file, err := os.Open(path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer file.Close()
	zip, err := gzip.NewReader(file)
	if err != nil {
		d.t.Fatal(err)
	}
	files, all := map[string]string{}, ""
	for archive := tar.NewReader(zip); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			d.t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			d.t.Fatal(err)
		}
		files[head.Name], all = string(text), all+string(text)
	}
	for name, part := range map[string]string{
		"doctor.json": "n3: does not answer", "bundle.json": `"version"`, "nodes/n1/ready.txt": "ok", "nodes/n1/cluster.json": `"leader"`,
		"nodes/n1/diagnostics.json": `"operator-secret":"set"`, "nodes/n1/metrics.txt": "bpsc_raft_log_write_seconds", "nodes/n2/log.txt": "member is up",
		"nodes/n2/goroutines.txt": "goroutine 1 ", "nodes/n1/contracts.json": `"aka"`, "nodes/n3/down.txt": "refused", "logs/1-n3.log": "member is up",
	} {
		if !strings.Contains(files[name], part) {
			d.t.Errorf("%s lacks %q: %.300s", name, part, files[name])
		}
	}
	for what, canary := range d.canaries() {
		if strings.Contains(all, canary) {
			d.t.Errorf("the bundle has %s", what)
		}
	}
}

// canaries are what no bundle may have: the operator's secret, and the keys of members.
func (d *doctored) canaries() map[string]string {
	d.t.Helper()
	secrets := map[string]string{"the operator's secret": d.secret}
	for _, m := range d.Members {
		text, err := os.ReadFile(filepath.Join(m.Data, "member.key"))
		if err != nil {
			d.t.Fatal(err)
		}
		if key := strings.TrimSpace(string(text)); len(key) > 60 {
			secrets["the key of "+m.ID] = key[len(key)-24:]
		}
	}
	if len(secrets) != 1+len(d.Members) {
		d.t.Fatalf("the keys of the members were not found: %d canaries", len(secrets))
	}
	return secrets
}
