package imports

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// goPackage is what `go list -json` says of a package, as far as it matters here.
type goPackage struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Export     string // file of its compiled form, with -export
}

// layer is the top-level folder of a package of this module, or "".
func layer(importPath string) string {
	rest, ours := strings.CutPrefix(importPath, module+"/")
	if !ours {
		return ""
	}
	top, _, _ := strings.Cut(rest, "/")
	return top
}

func TestImportsRunOneWay(t *testing.T) {
	allowed := readTable(t)
	for _, p := range goList(t, module+"/...") {
		own := layer(p.ImportPath)
		if own == "" {
			continue
		}
		may, known := allowed[own]
		if !known {
			t.Errorf("%s: the folder %s/ has no place in the table of layers; give it one in CONTRIBUTING.md", p.ImportPath, own)
			continue
		}
		for _, path := range p.Imports {
			if complaint := judge(p.ImportPath, own, may, path); complaint != "" {
				t.Error(complaint)
			}
		}
	}
}

// judge says what is wrong with one import, or "".
func judge(importer, own string, may []string, path string) string {
	to := layer(path)
	switch {
	case to != "" && slices.Contains(standalone, importer):
		return importer + " imports " + path + ", but is to share no code with the rest of the module"
	case to == "cmd" && own != "cmd":
		return importer + " imports " + path + ", but nothing may import cmd/"
	case to == own:
		return judgeInside(importer, path)
	case to == "", slices.Contains(may, anything), slices.Contains(may, to):
		return ""
	case len(may) == 0:
		return importer + " imports " + path + ", but " + own + "/ may import nothing else of this module"
	default:
		return importer + " imports " + path + ", but " + own + "/ may import only " + strings.Join(may, ", ") + " of this module"
	}
}

// judgeInside does so where both packages are in one folder.
func judgeInside(importer, path string) string {
	from, to := strings.TrimPrefix(importer, module+"/"), strings.TrimPrefix(path, module+"/")
	may, ordered := inside[from]
	if !ordered || slices.Contains(may, to) {
		return ""
	}
	return importer + " imports " + path + ", but of its folder it may import only [" + strings.Join(may, ", ") + "]"
}

// A new package in a folder whose packages have an order gets its place in it.
func TestEveryPackageInsideHasItsPlace(t *testing.T) {
	ordered, above := map[string]bool{}, map[string]bool{}
	for name := range inside {
		ordered[layer(module+"/"+name)] = true
		for up := path.Dir(name); up != "."; up = path.Dir(up) {
			above[up] = true
		}
	}
	for _, p := range goList(t, module+"/...") {
		name, _ := strings.CutPrefix(p.ImportPath, module+"/")
		if _, known := inside[name]; ordered[layer(p.ImportPath)] && !known && !above[name] {
			t.Errorf("%s has no row in the table of internal/imports/rule.go that says what it may import of its folder", name)
		}
	}
}

func TestPureLayersImportNoOutside(t *testing.T) {
	for _, p := range goList(t, pureFolders()...) {
		for _, path := range p.Imports {
			if slices.Contains(impure, path) {
				t.Errorf("%s imports %s, but %s/ takes nothing from outside its input: every replica must compute the same", p.ImportPath, path, layer(p.ImportPath))
			}
		}
	}
}

func TestJudge(t *testing.T) {
	allowed := readTable(t)
	for _, c := range []struct {
		name, importer, path string
		wrong                bool
	}{
		{"chain may not know the store", module + "/chain", module + "/store", true},
		{"the state machine may", module + "/fsm", module + "/store", false},
		{"the cluster may not know tokens", module + "/cluster", module + "/chain", true},
		{"the API may not know the cluster", module + "/api", module + "/cluster", true},
		{"a layer's own packages", module + "/api", module + "/api/explorer", false},
		{"a package of the cluster may know those below it", module + "/cluster/port", module + "/cluster/memory", false},
		{"and not those above", module + "/cluster/memory", module + "/cluster/port", true},
		{"nor the member that puts them together", module + "/cluster/queue", module + "/cluster", true},
		{"who knows them all", module + "/cluster", module + "/cluster/queue", false},
		{"the binary wires everything", module + "/cmd/bpsc", module + "/cluster", false},
		{"nothing imports the binary", module + "/e2e", module + "/cmd/bpsc", true},
		{"rooms of the command know what they share", module + "/cmd/bpsc/internal/serve", module + "/cmd/bpsc/internal/cli", false},
		{"and not each other", module + "/cmd/bpsc/internal/ledger", module + "/cmd/bpsc/internal/serve", true},
		{"the verifier stands alone", module + "/e2e/verify", module + "/e2e", true},
		{"other modules are not our matter", module + "/chain", "fmt", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			own := layer(c.importer)
			if got := judge(c.importer, own, allowed[own], c.path); (got != "") != c.wrong {
				t.Errorf("judge said %q", got)
			}
		})
	}
}

// goList runs go list for packages of this module.
func goList(t *testing.T, args ...string) []goPackage {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Dir,GoFiles,Imports,Export"}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func pureFolders() []string {
	var patterns []string
	for _, folder := range pure {
		patterns = append(patterns, module+"/"+folder+"/...")
	}
	return patterns
}
