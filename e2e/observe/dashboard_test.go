package observe

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type panel struct {
	ID          int
	Type, Title string
	Grid        struct{ X, Y, W, H int } `json:"gridPos"`
	Targets     []struct{ Expr string }
}

// The dashboard can be loaded: its panels have places of their own, each asks for
// something that there is, in expressions that Prometheus reads.
func TestTheDashboard(t *testing.T) {
	var board struct {
		Title, UID string
		Panels     []panel
		Templating struct{ List []struct{ Name string } }
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "packaging/grafana/bpsc.json")), &board))
	variables := []string{}
	for _, v := range board.Templating.List {
		variables = append(variables, v.Name)
	}
	require.Equal(t, []string{"datasource", "job", "instance", "contract"}, variables)

	known, taken, ids := documented(t), map[[2]int]string{}, map[int]bool{}
	// What Grafana puts in before it asks: inside of strings anything goes.
	filled := strings.NewReplacer("$__rate_interval", "5m")
	rules := "groups:\n  - name: panels\n    rules:\n"
	for i, p := range board.Panels {
		require.False(t, ids[p.ID], "two panels have the id %d", p.ID)
		ids[p.ID] = true
		for x := p.Grid.X; x < p.Grid.X+p.Grid.W; x++ {
			for y := p.Grid.Y; y < p.Grid.Y+p.Grid.H; y++ {
				require.Less(t, x, 24, p.Title)
				require.Empty(t, taken[[2]int{x, y}], "it lies where %s does", p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		require.NotEmpty(t, p.Targets, p.Title)
		for j, target := range p.Targets {
			requireDocumented(t, target.Expr, known)
			text, err := json.Marshal(filled.Replace(target.Expr)) // which YAML reads
			require.NoError(t, err)
			rules += fmt.Sprintf("      - record: panel:%d:%d\n        expr: %s\n", i, j, text)
		}
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "panels.yml"), []byte(rules), 0o600))
	promtool(t, dir, nil, "check", "rules", "--lint=none", "panels.yml")
}
