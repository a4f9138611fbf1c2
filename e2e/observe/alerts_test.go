package observe

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const alertsFolder = "packaging/prometheus"

type alert struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func readAlerts(t *testing.T) (all []alert) {
	var file struct{ Groups []struct{ Rules []alert } }
	require.NoError(t, yaml.Unmarshal([]byte(read(t, alertsFolder+"/alerts.yml")), &file))
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

// Each alert fires where it is to, and for no other series; promtool says so.
func TestAlerts(t *testing.T) {
	promtool(t, inRepository(t, alertsFolder), nil, "check", "rules", "--lint=all", "--lint-fatal", "alerts.yml")
	promtool(t, inRepository(t, alertsFolder), nil, "test", "rules", "alerts_test.yml")

	var tests struct {
		Tests []struct {
			Input []struct{ Series string } `yaml:"input_series"`
			Rules []struct {
				Alert string `yaml:"alertname"`
				Fires []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, alertsFolder+"/alerts_test.yml")), &tests))
	series, known := map[string]int{}, documented(t)
	for _, test := range tests.Tests {
		for _, rule := range test.Rules {
			require.Len(t, rule.Fires, 1, "%s is to fire for one of its series, and not for others", rule.Alert)
			series[rule.Alert] += len(test.Input)
		}
	}
	for _, a := range readAlerts(t) {
		require.GreaterOrEqual(t, series[a.Alert], 2, "%s has a series that fires and one that does not", a.Alert)
		requireDocumented(t, a.Expr, known)
		require.Contains(t, []string{"warning", "critical"}, a.Labels["severity"], a.Alert)
	}
}

var sectionOfAlert = regexp.MustCompile(`(?m)^### (Bpsc[A-Za-z]+)\n\n(.+)$`)

// Each alert has its section among the procedures, which says what to look at and what
// to do, and there is none for an alert that is gone.
func TestEachAlertHasItsSection(t *testing.T) {
	sections := map[string]string{}
	for _, found := range sectionOfAlert.FindAllStringSubmatch(read(t, "docs/operations.md"), -1) {
		sections[found[1]] = found[2]
	}
	for _, a := range readAlerts(t) {
		require.Equal(t, "docs/operations.md#"+strings.ToLower(a.Alert), a.Annotations["runbook"])
		require.Contains(t, sections[a.Alert], "**Look:**", a.Alert)
		require.Contains(t, sections[a.Alert], "**Do:**", a.Alert)
		delete(sections, a.Alert)
	}
	require.Empty(t, sections, "sections of alerts that are none")
}
