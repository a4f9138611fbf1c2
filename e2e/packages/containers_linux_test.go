package packages

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/bpsc/bpsc/internal/harness"
)

// container is one of compose.yaml or a pod, as far as bpsc can tell it from another
// machine: a network, names, files, variables, a user and a root that is not written to.
type container struct {
	name    string
	args    []string
	env     map[string]string
	volumes map[string]string // folders of the machine by where they are mounted
}

// network gives each of the names a host of its own, on one wire. A name may be given as
// others of a host: NAME=OTHER.
func (m *machine) network(hosts []string, also map[string]string) {
	m.t.Helper()
	script := "ip link add wire type bridge; ip addr add 10.9.9.254/24 dev wire; ip link set wire up\n"
	names := "127.0.0.1 localhost\n"
	for i, host := range hosts {
		script += fmt.Sprintf(`ip netns add %[1]s
ip link add v%[2]d type veth peer name eth0 netns %[1]s
ip link set v%[2]d master wire up
ip -n %[1]s addr add 10.9.9.%[2]d/24 dev eth0
ip -n %[1]s link set eth0 up
ip -n %[1]s link set lo up
`, host, i+1)
		names += fmt.Sprintf("10.9.9.%d %s %s\n", i+1, host, also[host])
	}
	m.write("/etc/hosts", names, 0o644)
	m.shell(script)
}

// in is how a command runs as it would in a container.
func (m *machine) in(c container, more ...string) []string {
	command := append([]string{"systemd-run", "--quiet", "--property=NetworkNamespacePath=/run/netns/" + c.name,
		"--property=ProtectSystem=strict", "--property=PrivateTmp=yes", "--property=NoNewPrivileges=yes"}, more...)
	for at, folder := range c.volumes {
		m.shell("mkdir -p " + at)
		if readOnly, is := strings.CutSuffix(folder, ":ro"); is {
			command = append(command, "--property=BindReadOnlyPaths="+readOnly+":"+at)
		} else {
			m.shell("mkdir -p " + folder + "; chown 65532:65532 " + folder)
			command = append(command, "--property=BindPaths="+folder+":"+at)
		}
	}
	for name, value := range c.env {
		command = append(command, "--setenv="+name+"="+value)
	}
	return append(command, "setpriv", "--reuid=65532", "--regid=65532", "--clear-groups")
}

// once runs bpsc in the container and waits for it.
func (m *machine) once(c container, args ...string) (output string, err error) {
	return m.try(append(append(m.in(c, "--wait", "--pipe"), "bpsc"), args...)...)
}

// start starts the container.
func (m *machine) start(c container) {
	m.t.Helper()
	m.run(append(append(m.in(c, "--unit="+c.name), "bpsc"), c.args...)...)
}

// ask is a request of the operator's from a host, with the authority of a file.
func (m *machine) ask(from, ca, token, url string, more ...string) (answer string, err error) {
	return m.try(append([]string{"ip", "netns", "exec", from, "curl", "-sS", "--fail-with-body", "--max-time", "5", "--cacert", ca,
		"-H", "Authorization: Bearer " + token, url}, more...)...)
}

// serves makes a contract and a transfer and looks for it at each of the URLs.
func (m *machine) serves(from, ca, token, url string, others ...string) {
	m.t.Helper()
	m.until(limit, "a contract", func() error {
		_, err := m.ask(from, ca, token, url+"/v1/contracts", "-d", `{"token":"aka","wallets":"open","on_request":true}`)
		return err
	})
	m.until(limit, "a transfer", func() error {
		_, err := m.ask(from, ca, token, url+"/v1/transactions", "-H", "Idempotency-Key: one", "-d", `{"sender":"alice","recipient":"bob","amount":1000}`)
		return err
	})
	m.until(limit, "a block", func() error {
		_, err := m.ask(from, ca, token, url+"/mine")
		return err
	})
	for _, other := range append(others, url) {
		m.until(limit, other+" has it", func() error {
			answer, err := m.ask(from, ca, token, other+"/v1/accounts/bob")
			if err == nil && !strings.Contains(answer, "999.95") {
				err = fmt.Errorf("it says %s", answer)
			}
			return err
		})
	}
}

// packagingFile reads a file of packaging or docs.
func packagingFile(t *testing.T, path string) string {
	t.Helper()
	root, err := harness.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(text)
}

// What compose.yaml starts serves, with its variables, names and volumes: without docker,
// each of its containers on a host of its own.
func TestCompose(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]struct {
			Image       string
			Command     []string
			Environment map[string]string
			Volumes     []string
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(packagingFile(t, "packaging/docker/compose.yaml")), &file))
	m := newMachine(t)
	m.copy(build(t, genuine), "/usr/bin/bpsc", 0o755)
	containers := map[string]container{}
	for name, s := range file.Services {
		if !strings.HasPrefix(s.Image, "bpsc:") {
			continue
		}
		c := container{name, s.Command, s.Environment, map[string]string{}}
		for _, volume := range s.Volumes {
			source, rest, _ := strings.Cut(volume, ":")
			at, mode, _ := strings.Cut(rest, ":")
			c.volumes[at] = "/volumes/" + source + strings.TrimSuffix(":"+mode, ":")
		}
		containers[name] = c
	}
	m.network(slices.Sorted(maps.Keys(containers)), nil)

	first := containers["init"]
	said, err := m.once(first, first.args...)
	require.NoError(t, err)
	require.Contains(t, said, "made /etc/bpsc/cluster")
	_, err = m.once(first, first.args...)
	require.Error(t, err, "it would make another cluster")
	delete(containers, "init")
	for _, c := range containers {
		m.start(c)
	}
	for name, c := range containers {
		m.until(limit, name+" is healthy", func() error {
			_, err := m.once(c, "health", "--timeout", "4s") // as the Dockerfile has it
			return err
		})
	}
	token := strings.TrimSpace(m.run("cat", "/volumes/cluster/cluster/root.token"))
	m.serves("n1", "/volumes/cluster/cluster/ca.crt", token, "https://n1:5000", "https://n2:5000", "https://n3:5000", "https://f1:5000", "https://f2:5000")
	for _, target := range []string{"n1", "n2", "n3", "f1", "f2"} { // as prometheus.yml has it
		answer, err := m.try("ip", "netns", "exec", "f2", "curl", "-sSf", "--cacert", "/volumes/cluster/cluster/ca.crt", "https://"+target+":5000/metrics")
		require.NoError(t, err)
		require.True(t, strings.Contains(answer, "bpsc_build_info"), target)
	}
}

// What the manifests start serves, after what docs/install.md says to do before: each pod
// on a host of its own.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	var set struct {
		Spec struct {
			Template struct {
				Spec struct {
					Containers []struct {
						Args []string
						Env  []struct{ Name, Value string }
					}
				}
			}
		}
	}
	documents := strings.Split(packagingFile(t, "packaging/kubernetes/bpsc.yaml"), "\n---\n")
	require.NoError(t, yaml.Unmarshal([]byte(documents[len(documents)-1]), &set))
	_, text, _ := strings.Cut(packagingFile(t, "docs/install.md"), "\n## Kubernetes\n")
	_, text, _ = strings.Cut(text, "```sh\n")
	before, _, whole := strings.Cut(text, "```")
	require.True(t, whole)

	m := newMachine(t)
	m.copy(build(t, genuine), "/usr/bin/bpsc", 0o755)
	pods := []string{"bpsc-0", "bpsc-1", "bpsc-2"}
	m.network(pods, map[string]string{"bpsc-0": "bpsc-0.bpsc-members", "bpsc-1": "bpsc-1.bpsc-members bpsc", "bpsc-2": "bpsc-2.bpsc-members"})
	m.shell(`mkdir /volumes /volumes/tls; cd /root
kubectl() {
	[ "$1" = create ] || return 0
	shift 4
	for file; do file=${file#--from-file=}; install -m 440 -g 65532 "${file#*=}" "/volumes/tls/${file%%=*}"; done
}
` + before)

	for _, pod := range pods {
		c := container{pod, set.Spec.Template.Spec.Containers[0].Args, map[string]string{},
			map[string]string{"/etc/bpsc/tls": "/volumes/tls:ro", "/var/lib/bpsc": "/volumes/" + pod}}
		for _, e := range set.Spec.Template.Spec.Containers[0].Env {
			c.env[e.Name] = strings.ReplaceAll(e.Value, "$(BPSC_ID)", pod)
		}
		c.env["BPSC_ID"] = pod
		m.start(c)
	}
	for i, pod := range pods {
		m.until(limit, pod+" is ready", func() error { // as the kubelet asks
			_, err := m.try("curl", "-sSfk", fmt.Sprintf("https://10.9.9.%d:5000/readyz", i+1))
			return err
		})
	}
	token := strings.TrimSpace(m.run("cat", "/volumes/tls/root.token"))
	m.serves("bpsc-0", "/volumes/tls/ca.crt", token, "https://bpsc:5000", "https://bpsc-0.bpsc-members:5000", "https://bpsc-2.bpsc-members:5000")
}
