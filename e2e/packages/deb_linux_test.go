package packages

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/release"
)

// The package's life on a machine: nothing runs before it is configured, what runs is
// looked after, and nothing that somebody would miss goes away with it.
func TestDeb(t *testing.T) {
	t.Parallel()
	before := hostState(t)
	m := newMachine(t)
	m.copy(pack(t, build(t, genuine)), "/root/bpsc.deb", 0o644)

	t.Run("installed, nothing runs", func(t *testing.T) {
		m := m.of(t)
		require.Contains(t, m.run("dpkg", "--no-triggers", "-i", "/root/bpsc.deb"), "nothing runs yet")
		require.Contains(t, m.run("bpsc", "version"), "bpsc "+release.Version+",")
		require.Equal(t, "750 root bpsc\n", m.run("stat", "-c", "%a %U %G", "/etc/bpsc"))
		require.Equal(t, "700 bpsc bpsc\n", m.run("stat", "-c", "%a %U %G", "/var/lib/bpsc"))
		m.fails("pgrep -x bpsc")
		for _, unit := range []string{"bpsc-server", "bpsc-follower", "bpsc-witness", "bpsc-backup.timer"} {
			require.Equal(t, "disabled", m.show(unit, "UnitFileState"), unit)
			require.Equal(t, "inactive", m.show(unit, "ActiveState"), unit)
		}
		require.Contains(t, m.fails("systemctl start bpsc-server"), "Assertion failed")
	})
	t.Run("its files are whole", func(t *testing.T) {
		m := m.of(t)
		require.Empty(t, m.run("dpkg", "--verify", "bpsc"))
		require.Contains(t, m.shell("gzip -dc /usr/share/man/man1/bpsc-server.1.gz"), ".TH")
		m.shell("bash -n /usr/share/bash-completion/completions/bpsc")
		require.Contains(t, m.shell("head -1 /usr/share/zsh/vendor-completions/_bpsc"), "#compdef bpsc")
		require.FileExists(t, filepath.Join("/proc", fmt.Sprint(m.pid), "root/usr/share/fish/vendor_completions.d/bpsc.fish"))
	})
	t.Run("its units are right", func(t *testing.T) {
		m := m.of(t)
		const units = "/usr/lib/systemd/system/bpsc-*.service /usr/lib/systemd/system/bpsc-*.timer"
		require.Empty(t, m.shell("systemd-analyze verify "+units))
		// Below 2 is what systemd calls OK; 9.6 is a unit without any of it.
		m.shell("systemd-analyze security --offline=true --threshold=20 bpsc-server.service bpsc-follower.service bpsc-witness.service bpsc-backup.service")
		m.write("/etc/systemd/system/bpsc-wrong.service", "[Service]\nExecStart=/usr/bin/bpsc\nProtectSytem=strict\n", 0o644)
		out, _ := m.try("systemd-analyze", "verify", "bpsc-wrong.service")
		require.Contains(t, out, "ProtectSytem", "a mistake is not found")
	})
	t.Run("the example serves", func(t *testing.T) {
		m := m.of(t)
		m.shell("cp /etc/bpsc/bpsc.example.yaml /etc/bpsc/bpsc.yaml")
		m.run("systemctl", "enable", "--now", "bpsc-server")
		require.Equal(t, "active", m.show("bpsc-server", "ActiveState"), "it is started when it is ready, and not before")
		m.await(limit, "bpsc-server", "StatusText", "n1 leader, ")
		require.Equal(t, "bpsc\n", m.run("ps", "-o", "user=", "-p", m.show("bpsc-server", "MainPID")))
		require.Equal(t, "700 bpsc\n", m.run("stat", "-c", "%a %U", "/var/lib/bpsc/n1"))
		m.pay(1)
	})
	t.Run("killed, it is back", func(t *testing.T) {
		m := m.of(t)
		pid := m.show("bpsc-server", "MainPID")
		m.run("kill", "-9", pid)
		m.await(limit, "bpsc-server", "NRestarts", "1")
		m.await(limit, "bpsc-server", "StatusText", "n1 leader, ")
		require.NotEqual(t, pid, m.show("bpsc-server", "MainPID"))
		m.pay(2)
	})
	t.Run("a reload", func(t *testing.T) {
		m := m.of(t)
		pid := m.show("bpsc-server", "MainPID")
		m.run("curl", "-fsS", "http://127.0.0.1:5000/v1/contracts")
		m.shell("echo 'anonymous: none' >>/etc/bpsc/bpsc.yaml; systemctl reload bpsc-server")
		m.until(limit, "it wants a token", func() error {
			out, _ := m.try("curl", "-sS", "http://127.0.0.1:5000/v1/contracts")
			if !strings.Contains(out, "token_required") {
				return errors.New(out)
			}
			return nil
		})
		m.shell("cp /etc/bpsc/bpsc.example.yaml /etc/bpsc/bpsc.yaml; systemctl reload bpsc-server")
		m.until(limit, "it wants none", func() error {
			_, err := m.try("curl", "-fsS", "http://127.0.0.1:5000/v1/contracts")
			return err
		})
		m.await(limit, "bpsc-server", "ActiveState", "active")
		require.Equal(t, pid, m.show("bpsc-server", "MainPID"))
	})
	t.Run("a follower", func(t *testing.T) {
		m := m.of(t)
		m.shell("cp /etc/bpsc/follower.example.yaml /etc/bpsc/follower.yaml")
		m.run("systemctl", "start", "bpsc-follower")
		m.await(limit, "bpsc-follower", "StatusText", "ready")
		m.run("systemctl", "stop", "bpsc-follower")
	})
	t.Run("a backup", func(t *testing.T) {
		m := m.of(t)
		m.shell("cp /etc/bpsc/backup.example.env /etc/bpsc/backup.env; chmod 600 /etc/bpsc/backup.env")
		m.backUp()
	})
	t.Run("an upgrade restarts nothing", func(t *testing.T) {
		m := m.of(t)
		pid := m.show("bpsc-server", "MainPID")
		m.shell("echo '# mine' >>/etc/bpsc/bpsc.example.yaml")
		require.Contains(t, m.run("dpkg", "--no-triggers", "-i", "/root/bpsc.deb"), "still the version before")
		require.Equal(t, pid, m.show("bpsc-server", "MainPID"))
		require.Contains(t, m.run("cat", "/etc/bpsc/bpsc.example.yaml"), "# mine")
		m.pay(3)
	})
	t.Run("removed, it has stopped", func(t *testing.T) {
		m := m.of(t)
		m.run("dpkg", "--no-triggers", "-r", "bpsc")
		m.fails("pgrep -x bpsc")
		m.fails("command -v bpsc")
		require.Contains(t, m.journal("bpsc-server"), "stopping")
		m.shell("test -d /var/lib/bpsc/n1/state; test -f /etc/bpsc/bpsc.yaml; test -f /etc/bpsc/bpsc.example.yaml")
	})
	t.Run("a purge keeps the ledger", func(t *testing.T) {
		m := m.of(t)
		out := m.run("dpkg", "--no-triggers", "-P", "bpsc")
		require.Contains(t, out, "/var/lib/bpsc is kept")
		require.Contains(t, out, "/etc/bpsc is kept")
		m.shell("test -d /var/lib/bpsc/n1/state; test -f /etc/bpsc/bpsc.yaml; test ! -e /etc/bpsc/bpsc.example.yaml")
	})
	t.Run("installed again, it goes on", func(t *testing.T) {
		m := m.of(t)
		m.run("dpkg", "--no-triggers", "-i", "/root/bpsc.deb")
		m.run("systemctl", "start", "bpsc-server")
		m.await(limit, "bpsc-server", "StatusText", "n1 leader, ")
		m.pay(4)
	})
	t.Run("a purge of nothing leaves nothing", func(t *testing.T) {
		m := m.of(t)
		m.run("dpkg", "--no-triggers", "-r", "bpsc")
		m.shell("rm -r /var/lib/bpsc/* /var/lib/bpsc-follower /etc/bpsc/*.yaml /etc/bpsc/backup.env")
		require.NotContains(t, m.run("dpkg", "--no-triggers", "-P", "bpsc"), "is kept")
		m.shell("test ! -e /var/lib/bpsc; test ! -e /etc/bpsc; test ! -e /usr/share/doc/bpsc")
	})
	t.Run("what bpsc init makes serves over TLS", func(t *testing.T) {
		m := m.of(t)
		m.run("dpkg", "--no-triggers", "-i", "/root/bpsc.deb")
		m.run("bpsc", "init", "--members", "n1=127.0.0.1:6000", "--etc", "/etc/bpsc", "--data", "/var/lib/bpsc/member", "--out", "/root/cluster")
		m.shell(`tar -C /root/cluster/n1 -c . | tar -C /etc/bpsc -x --no-same-owner
			chown -R root:bpsc /etc/bpsc; chmod 640 /etc/bpsc/*`)
		require.Equal(t, "750 root bpsc\n", m.run("stat", "-c", "%a %U %G", "/etc/bpsc"))
		m.run("systemctl", "start", "bpsc-server")
		m.await(limit, "bpsc-server", "StatusText", "n1 leader, ready")
		require.Equal(t, "ok\n", m.shell("set -a; . /root/cluster/client.env; bpsc health --ready"))
		m.fails("curl -fsS http://127.0.0.1:5000/livez")
		m.shell("sed 's|http:|https:|; s|^# BPSC|BPSC|' /etc/bpsc/backup.example.env >/etc/bpsc/backup.env")
		m.backUp()
		m.run("dpkg", "--no-triggers", "-P", "bpsc")
	})
	require.Equal(t, before, hostState(t), "the machine of the tests is as it was")
}

// of is the machine in a subtest.
func (m *machine) of(t *testing.T) *machine { return &machine{t: t, pid: m.pid} }

// pay makes a transfer on the member there and looks whether all until then are there.
func (m *machine) pay(n int) {
	m.t.Helper()
	if n == 1 {
		m.until(limit, "it makes a contract", func() error {
			_, err := m.try("curl", "-fsS", "-X", "POST", "http://127.0.0.1:5000/v1/contracts", "-d", `{"token":"aka","wallets":"open"}`)
			return err
		})
	}
	m.until(limit, "it takes a transfer", func() error {
		_, err := m.try("bpsc", "send", "--from", "alice", "--to", "bob", "--amount", "1", "--key", fmt.Sprint("key-", n))
		return err
	})
	out := m.run("bpsc", "account", "bob", "--output", "json")
	require.Contains(m.t, out, fmt.Sprint(n-1, "."), out)
}

// backUp has the unit make a backup.
func (m *machine) backUp() {
	m.t.Helper()
	m.shell("rm -rf /var/lib/private/bpsc-backup/*")
	out, err := m.try("systemctl", "start", "bpsc-backup.service")
	require.NoError(m.t, err, "%s\n%s", out, m.journal("bpsc-backup"))
	require.Contains(m.t, m.run("bpsc", "backup", "list", "/var/lib/private/bpsc-backup"), "state")
}

// hostState is what a package would have changed of the machine of the tests.
func hostState(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "/bin/sh", "-c",
		"ls -d /etc/bpsc /var/lib/bpsc* /usr/bin/bpsc /usr/lib/systemd/system/bpsc* 2>/dev/null; grep bpsc /etc/passwd; dpkg-query -W bpsc 2>&1; mount | grep -c ' overlay '").Output()
	_ = err // what is not there is an answer
	return string(out)
}
