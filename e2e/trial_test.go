package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// What somebody sees who has never seen it: every command shown is run, and ends as is said.
func TestTutorialCommand(t *testing.T) {
	t.Parallel()
	out := bpsc(t, exitOK, "tutorial", "--yes")
	for _, pattern := range []string{
		`== 1\. Three members`, `(?m)^\$ bpsc cluster status$`,
		`== 2\. A transfer`, `99\.995`,
		`== 3\. A block`, `aka: 3 blocks with 1 records verify`,
		`== 4\. The leader dies`, `\$ kill -9 \d+ +# n[123], which leads`, `Final, \d+ ms after the kill`, `carol .* 9\.9995`,
		`== 5\. A receipt`, `100 aka from alice to bob in block 2`, `That was it`,
	} {
		expect(t, out, pattern)
	}
	goneFolder(t, out)

	// Nobody is there to press ENTER.
	cmd := exec.CommandContext(t.Context(), binary, "tutorial")
	cmd.Env = harness.Environ()
	if text, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != exitUsage {
		t.Errorf("exit code %d: %s", cmd.ProcessState.ExitCode(), text)
	}
}

// goneFolder finds the folder that a text says the data are in, and expects that it is gone.
func goneFolder(t *testing.T, text string) {
	t.Helper()
	found := regexp.MustCompile(`data are in (\S+?)[,.]`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no folder is named: %s", text)
	}
	if _, err := os.Stat(found[1]); !os.IsNotExist(err) {
		t.Errorf("%s is left (%v)", found[1], err)
	}
}

// dev is a running bpsc dev.
type dev struct {
	cmd   *exec.Cmd
	out   io.Closer // of its output
	lines *bufio.Scanner
	temp  string       // its folder for temporary files
	text  string       // all that it has printed
	said  bytes.Buffer // on standard error; read once it has ended
}

func startDev(t *testing.T, args ...string) *dev {
	t.Helper()
	return begin(t, exec.CommandContext(t.Context(), binary, append([]string{"dev"}, args...)...))
}

// begin starts a bpsc dev with a temporary folder of its own.
func begin(t *testing.T, cmd *exec.Cmd) *dev {
	t.Helper()
	d := &dev{cmd: cmd, temp: t.TempDir()}
	d.cmd.Env, d.cmd.Stderr = append(harness.Environ(), "TMPDIR="+d.temp), &d.said
	d.cmd.WaitDelay = patience // whatever it has started may hold its output
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.out, d.lines = out, bufio.NewScanner(out)
	return d
}

// until reads lines until one matches, and returns what its groups matched. It ends what says
// nothing of the kind for too long.
func (d *dev) until(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	silent := time.AfterFunc(patience, func() { _ = d.cmd.Process.Kill() })
	defer silent.Stop()
	for d.lines.Scan() {
		d.text += d.lines.Text() + "\n"
		if found := re.FindStringSubmatch(d.lines.Text()); found != nil {
			return found
		}
	}
	_ = d.cmd.Wait()
	t.Fatalf("it ended before it said %s: %s%s", pattern, d.text, &d.said)
	return nil
}

// interrupt is Ctrl-C, which ends it, its members and their data.
func (d *dev) interrupt(t *testing.T) {
	t.Helper()
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { _ = d.cmd.Process.Kill() })
	defer late.Stop()
	for d.lines.Scan() {
		d.text += d.lines.Text() + "\n"
	}
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("%v: %s%s", err, d.text, &d.said)
	}
	nothingLeft(t, d.temp, d.text)
}

// nothingLeft expects that a temporary folder is empty, and that none of the processes of
// which a text tells runs.
func nothingLeft(t *testing.T, temp, text string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(temp, "*"))
	if err != nil || len(names) > 0 {
		t.Errorf("%v is left (%v)", names, err)
	}
	for _, found := range regexp.MustCompile(`process (\d+)`).FindAllStringSubmatch(text, -1) {
		if pid, _ := strconv.Atoi(found[1]); syscall.Kill(pid, 0) == nil {
			t.Errorf("process %d is left", pid)
		}
	}
}

// Nobody reads what is printed any more: the next line that is said ends it, with all that
// it has started.
func TestDevCommandThatNobodyReads(t *testing.T) {
	t.Parallel()
	d := startDev(t, "--port", freeBase(t))
	pid, _ := strconv.Atoi(d.until(t, `process (\d+)`)[1])
	d.until(t, "Ctrl-C ends it")
	if err := d.out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Wait()
	if code := d.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	nothingLeft(t, d.temp, d.text)
}

// The same of the tutorial, and of a terminal that closes under a command that has started
// a cluster.
func TestCommandsThatStartAClusterEndIt(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"tutorial", "--yes"}, {"bench", "--duration", "1m"}} {
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			temp := t.TempDir()
			cmd := exec.CommandContext(t.Context(), binary, args...)
			cmd.Env = append(harness.Environ(), "TMPDIR="+temp)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			started := func(context.Context) error {
				logs, err := filepath.Glob(filepath.Join(temp, "*", "*.log"))
				if err == nil && len(logs) == 0 {
					err = errors.New("no member has a log yet")
				}
				return err
			}
			if err := harness.Until(t.Context(), patience, "a cluster", started); err != nil {
				t.Fatal(err)
			}
			if args[0] == "tutorial" {
				err = out.Close()
			} else {
				err = cmd.Process.Signal(syscall.SIGHUP)
			}
			if err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 1 {
				t.Errorf("exit code %d", code)
			}
			nothingLeft(t, temp, "")
		})
	}
}

// Under nohup it outlives its terminal.
func TestDevCommandUnderNohup(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `trap "" HUP; exec "$0" dev --port "$1"`, binary, freeBase(t))
	d := begin(t, cmd)
	pid, _ := strconv.Atoi(d.until(t, `process (\d+)`)[1])
	d.until(t, "Ctrl-C ends it")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.until(t, `has ended; it is started again`)
	d.interrupt(t)
}

// freeBase is a port from which on three, ten apart, are free.
func freeBase(t *testing.T) string {
	t.Helper()
	port, err := harness.FreePorts(0, 10, 20)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

// One command, and the lines that it prints do what they say: the leader is killed, and the
// others go on.
func TestDevCommandWithThreeMembers(t *testing.T) {
	t.Parallel()
	port := freeBase(t)
	d := startDev(t, "--members", "3", "--port", port)
	d.until(t, "Ctrl-C ends it")
	servers := regexp.MustCompile(`export BPSC_SERVER=(\S+)`).FindStringSubmatch(d.text)
	if servers == nil || !strings.HasPrefix(servers[1], "http://127.0.0.1:"+port+",") {
		t.Fatalf("%v in %s", servers, d.text)
	}
	server := "--server=" + servers[1]
	if a := call(t, "GET", "http://127.0.0.1:"+port+"/v1/contracts", ""); a.status != http.StatusOK || !strings.Contains(string(a.body), `"empty":false`) {
		t.Error(a)
	}
	bpsc(t, exitOK, "send", "--from", "alice", "--to", "bob", "--amount", "12.5", server)

	leader := regexp.MustCompile(`kill -9 (\d+) +# (n[123]), which leads`).FindStringSubmatch(d.text)
	if leader == nil {
		t.Fatalf("nobody is said to lead: %s", d.text)
	}
	pid, _ := strconv.Atoi(leader[1])
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	bpsc(t, exitOK, "send", "--from", "alice", "--to", "bob", "--amount", "1", server)
	d.until(t, fmt.Sprintf(`^%s \(process %d\) has ended`, leader[2], pid))
	d.until(t, `^n[123] leads$`)
	d.until(t, `^`+leader[2]+` serves again, as process \d+$`)
	expect(t, bpsc(t, exitOK, "account", "bob", server), `13\.499\d+`)
	d.interrupt(t)
}

// One member; its port is taken, so it says another. A contract is checked before
// anything starts.
func TestDevCommandAlone(t *testing.T) {
	t.Parallel()
	port := freeBase(t)
	one := startDev(t, "--port", port)
	one.until(t, "Ctrl-C ends it")
	other := startDev(t, "--port", port)
	at := other.until(t, `the page +(http://127\.0\.0\.1:\d+)`)[1]
	other.until(t, "Ctrl-C ends it")
	if strings.HasSuffix(at, ":"+port) {
		t.Errorf("two are at %s", at)
	}
	bpsc(t, exitOK, "send", "--from", "alice", "--to", "bob", "--amount", "1", "--server", at)
	one.interrupt(t)
	other.interrupt(t)

	for _, args := range [][]string{{"--members", "2"}, {"--members", "6"}, {"--port", "0"}, {"--contract", "/dev/null"}} {
		bpsc(t, exitUsage, append([]string{"dev"}, args...)...)
	}
}
