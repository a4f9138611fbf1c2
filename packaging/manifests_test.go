// Package packaging checks what is handed to Docker and Kubernetes, by their own
// parsers: neither runs where the tests do.
package packaging

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// readDockerfile parses a Dockerfile, with the complaints of docker's linter.
func readDockerfile(text []byte) (stages []instructions.Stage, complaints []string, err error) {
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	for _, w := range tree.Warnings {
		complaints = append(complaints, w.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) {
		complaints = append(complaints, rule+": "+message)
	}})
	stages, _, err = instructions.Parse(tree.AST, lint)
	return stages, complaints, err
}

func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("docker/Dockerfile")
	require.NoError(t, err)
	stages, complaints, err := readDockerfile(text)
	require.NoError(t, err)
	require.Empty(t, complaints)
	require.Len(t, stages, 2)

	require.True(t, strings.HasPrefix(fmt.Sprint(stages[0].Commands[len(stages[0].Commands)-1]), "RUN scripts/build.sh /out/bpsc "), "it builds as the tests do")
	last := stages[1]
	require.Equal(t, "scratch", last.BaseName)
	seen := map[string]int{}
	for _, command := range last.Commands {
		seen[strings.ToLower(command.Name())]++
		switch c := command.(type) {
		case *instructions.UserCommand:
			require.Equal(t, "65532:65532", c.User)
		case *instructions.HealthCheckCommand:
			require.Equal(t, []string{"CMD", "/usr/bin/bpsc", "health", "--timeout", "4s"}, c.Health.Test)
		case *instructions.EntrypointCommand:
			require.Equal(t, []string{"/usr/bin/bpsc"}, []string(c.CmdLine))
		}
	}
	for _, name := range []string{"USER", "HEALTHCHECK", "ENTRYPOINT", "VOLUME"} {
		require.Equal(t, 1, seen[strings.ToLower(name)], name)
	}
	require.Zero(t, seen["run"], "there is no shell")

	_, complaints, err = readDockerfile(bytes.Replace(text, []byte("AS build"), []byte("as build"), 1))
	require.NoError(t, err)
	require.NotEmpty(t, complaints, "nothing is complained of")
	_, _, err = readDockerfile(bytes.Replace(text, []byte("VOLUME"), []byte("VOLUMES"), 1))
	require.Error(t, err)
}

func loadCompose(text []byte) (*types.Project, error) {
	return loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  "docker",
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: text}},
		Environment: types.Mapping{},
	}, func(o *loader.Options) { o.Profiles = []string{"*"} })
}

func TestCompose(t *testing.T) {
	text, err := os.ReadFile("docker/compose.yaml")
	require.NoError(t, err)
	project, err := loadCompose(text)
	require.NoError(t, err)
	bpsc := 0
	for name, service := range project.Services {
		require.NotEmpty(t, service.Image, name)
		require.Equal(t, []string{"ALL"}, service.CapDrop, name)
		require.Contains(t, service.SecurityOpt, "no-new-privileges:true", name)
		require.False(t, service.Privileged, name)
		for _, port := range service.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, "%s is reachable from elsewhere", name)
		}
		for _, volume := range service.Volumes {
			if volume.Type == "volume" {
				require.Contains(t, project.Volumes, volume.Source, name)
			} else {
				_, err := os.Stat(volume.Source)
				require.NoError(t, err, name)
				require.True(t, volume.ReadOnly, name)
			}
		}
		if strings.HasPrefix(service.Image, "bpsc:") {
			bpsc++
			require.True(t, service.ReadOnly, name)
			require.FileExists(t, service.Build.Context+"/"+service.Build.Dockerfile, name)
		}
	}
	require.Equal(t, 6, bpsc, "init, three members and two followers")

	_, err = loadCompose(bytes.Replace(text, []byte("cap_drop"), []byte("capdrop"), 1))
	require.Error(t, err, "a key that is not known is taken")
}

// The configuration is Prometheus's own; its rules have their tests where they are.
func TestPrometheusConfiguration(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("there is no promtool here")
	}
	said, err := exec.CommandContext(t.Context(), promtool, "check", "config", "--syntax-only", "docker/prometheus.yml").CombinedOutput()
	require.NoError(t, err, "%s", said)
}

// decode reads an object of Kubernetes strictly.
func decode(t *testing.T, document string) (any, error) {
	t.Helper()
	var kind struct{ APIVersion, Kind string }
	require.NoError(t, yaml.Unmarshal([]byte(document), &kind))
	var into any
	switch kind.APIVersion + " " + kind.Kind {
	case "v1 Service":
		into = &core.Service{}
	case "apps/v1 StatefulSet":
		into = &apps.StatefulSet{}
	case "policy/v1 PodDisruptionBudget":
		into = &policy.PodDisruptionBudget{}
	default:
		return nil, fmt.Errorf("%+v is not known", kind)
	}
	return into, yaml.UnmarshalStrict([]byte(document), into)
}

func TestKubernetes(t *testing.T) {
	text, err := os.ReadFile("kubernetes/bpsc.yaml")
	require.NoError(t, err)
	var set *apps.StatefulSet
	services := map[string]*core.Service{}
	var budget *policy.PodDisruptionBudget
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		object, err := decode(t, document)
		require.NoError(t, err)
		switch o := object.(type) {
		case *core.Service:
			services[o.Name] = o
		case *apps.StatefulSet:
			set = o
		case *policy.PodDisruptionBudget:
			budget = o
		}
		_, err = decode(t, document+"\nspecs: {}\n")
		require.Error(t, err, "a field that is not known is taken")
	}

	labels := set.Spec.Template.Labels
	require.Equal(t, set.Spec.Selector.MatchLabels, labels)
	require.Equal(t, budget.Spec.Selector.MatchLabels, labels)
	require.Equal(t, 1, budget.Spec.MaxUnavailable.IntValue())
	members := services[set.Spec.ServiceName]
	require.NotNil(t, members, "the set's service")
	require.Equal(t, core.ClusterIPNone, members.Spec.ClusterIP)
	require.True(t, members.Spec.PublishNotReadyAddresses, "members would not find each other before they are ready")
	require.Equal(t, apps.ParallelPodManagement, set.Spec.PodManagementPolicy)

	pod := set.Spec.Template.Spec
	require.True(t, *pod.SecurityContext.RunAsNonRoot)
	require.NotEmpty(t, pod.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
	require.GreaterOrEqual(t, *pod.TerminationGracePeriodSeconds, int64(10), "it takes 7 s to stop")
	c := pod.Containers[0]
	require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	ports := map[string]int32{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	for name, service := range services {
		require.Equal(t, labels, service.Spec.Selector, name)
		for _, p := range service.Spec.Ports {
			require.Equal(t, p.Port, ports[p.TargetPort.StrVal], "%s %s", name, p.Name)
		}
	}
	for what, probe := range map[string]*core.Probe{"/livez": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		require.Equal(t, what, probe.HTTPGet.Path, "readiness of others must not end a process")
	}
	mounted := map[string]bool{}
	for _, v := range pod.Volumes {
		mounted[v.Name] = true
	}
	for _, v := range set.Spec.VolumeClaimTemplates {
		mounted[v.Name] = true
	}
	for _, m := range c.VolumeMounts {
		require.True(t, mounted[m.Name], m.Name)
	}

	founders := ""
	for _, e := range c.Env {
		if e.Name == "BPSC_CLUSTER" {
			founders = e.Value
		}
	}
	for i := range int(*set.Spec.Replicas) {
		name := fmt.Sprintf("%s-%d", set.Name, i)
		require.Contains(t, founders, fmt.Sprintf("%s=%s.%s:%d", name, name, set.Spec.ServiceName, ports["raft"]))
	}
}
