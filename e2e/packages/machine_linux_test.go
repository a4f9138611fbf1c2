package packages

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
)

// bootLimit is how long a machine may take to boot, on a machine that does much else.
const bootLimit = 60 * time.Second

// boot makes a copy of this machine that writes to memory alone, with processes,
// network and mounts of its own, and has systemd start there.
const boot = `set -e
mount --make-rprivate /
mount -t tmpfs disk "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
mount -t sysfs sys sys
mount -t cgroup2 cgroup sys/fs/cgroup
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=755 dev dev
for n in null zero full random urandom tty; do touch dev/$n; mount --bind /dev/$n dev/$n; done
mkdir dev/pts dev/shm run/lock
mount -t devpts -o newinstance,ptmxmode=0666 pts dev/pts
mount -t tmpfs shm dev/shm
ln -s pts/ptmx dev/ptmx
ip link set lo up
echo booting
exec chroot . /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=basic.target --log-target=journal --show-status=0
`

// machine is a Debian machine for a test, with systemd as its first process. It has
// what this one has, and what is done there is gone with it.
type machine struct {
	t   *testing.T
	pid int // of its first process
}

// newMachine boots one. It needs root, namespaces and systemd's programs; where they
// are not to be had the test is skipped.
func newMachine(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root makes a machine")
	}
	if _, err := os.Stat("/lib/systemd/systemd"); err != nil {
		t.Skip("there is no systemd here")
	}
	dir := t.TempDir()
	cmd := exec.Command("/bin/sh", "-c", boot, "boot", dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWCGROUP,
		Pdeathsig: syscall.SIGKILL,
	}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		t.Skipf("namespaces are not to be had here: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // and with the first process all others
		_ = cmd.Wait()
	})
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "booting\n" {
		_ = cmd.Wait()
		t.Skipf("such a machine cannot be made here: %s", complaints.String())
	}
	m := &machine{t: t, pid: cmd.Process.Pid}
	m.until(bootLimit, "it has booted", func() error {
		state, err := m.try("systemctl", "is-system-running")
		if strings.TrimSpace(state) != "running" && strings.TrimSpace(state) != "degraded" {
			return fmt.Errorf("systemd says %q (%v)", state, err)
		}
		return nil
	})
	return m
}

// try runs a command there.
func (m *machine) try(command ...string) (output string, err error) {
	args := append([]string{"--target", strconv.Itoa(m.pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root",
		"/usr/bin/env", "--chdir=/", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}, command...)
	out, err := exec.Command("nsenter", args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
	}
	return string(out), err
}

// run runs a command there that has to succeed.
func (m *machine) run(command ...string) (output string) {
	m.t.Helper()
	out, err := m.try(command...)
	require.NoError(m.t, err)
	return out
}

// shell runs a script there that has to succeed.
func (m *machine) shell(script string) (output string) {
	m.t.Helper()
	return m.run("/bin/sh", "-ec", script)
}

// fails runs a script there that must not succeed.
func (m *machine) fails(script string) (output string) {
	m.t.Helper()
	out, err := m.try("/bin/sh", "-ec", script)
	require.Error(m.t, err, out)
	return out
}

// copy brings a file there.
func (m *machine) copy(from, to string, mode os.FileMode) {
	m.t.Helper()
	text, err := os.ReadFile(from)
	require.NoError(m.t, err)
	m.write(to, string(text), mode)
}

// write writes a file there.
func (m *machine) write(to, text string, mode os.FileMode) {
	m.t.Helper()
	path := filepath.Join("/proc", strconv.Itoa(m.pid), "root", to)
	require.NoError(m.t, os.MkdirAll(filepath.Dir(path), 0o755))
	_ = os.Remove(path) // what runs there keeps the old one
	require.NoError(m.t, os.WriteFile(path, []byte(text), mode))
}

// until waits for a condition.
func (m *machine) until(limit time.Duration, what string, condition func() error) {
	m.t.Helper()
	err := harness.Until(m.t.Context(), limit, what, func(context.Context) error { return condition() })
	require.NoError(m.t, err)
}

// show is a property of a unit.
func (m *machine) show(unit, property string) string {
	m.t.Helper()
	return strings.TrimSpace(m.run("systemctl", "show", "--value", "--property", property, unit))
}

// await waits until a property of a unit is as wanted.
func (m *machine) await(limit time.Duration, unit, property, want string) {
	m.t.Helper()
	m.until(limit, unit+" has "+property+" "+want, func() error {
		if got := m.show(unit, property); !strings.Contains(got, want) {
			return fmt.Errorf("it has %q; its log ends with %s", got, m.journal(unit))
		}
		return nil
	})
}

// journal is the end of a unit's log.
func (m *machine) journal(unit string) string {
	out, _ := m.try("journalctl", "--unit", unit, "--no-pager", "--lines", "20", "--output", "cat")
	return out
}
