// Mutations breaks the product in one line at a time and asks the tests whether they
// notice: each mutation of the lists beside this file names the test that has to fail, by an
// assertion and within a time. One that nobody notices is a promise that nothing
// holds. `make mutations` runs all of them, with no change to the tree.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		stop()
		os.Exit(1)
	}
}

// errSurvivors: not every mutation was caught as its list says.
var errSurvivors = errors.New("not every mutation was caught as its list says")

func command(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutations", flag.ContinueOnError)
	only := flags.String("only", "", "run these mutations only, by name, separated by commas")
	list := flags.Bool("list", false, "list the mutations, and run none")
	if err := flags.Parse(args); err != nil {
		return err
	}
	goMod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("go env GOMOD: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(goMod)))
	mutations, err := readLists(filepath.Join(root, "e2e", "mutations"))
	if err != nil {
		return err
	}
	if mutations, err = chosen(mutations, *only); err != nil {
		return err
	}
	if *list {
		for _, m := range mutations {
			fmt.Fprintf(out, "%-38s %-13s %s\n", m.Name, m.Check, m.Breaks)
		}
		return nil
	}
	scratch, err := os.MkdirTemp("", "bpsc-mutations-")
	if err != nil {
		return err
	}
	err = tree{root, scratch}.all(ctx, mutations, out)
	return errors.Join(err, os.RemoveAll(scratch))
}

func chosen(all []mutation, names string) (some []mutation, err error) {
	if names == "" {
		return all, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(m mutation) bool { return m.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no mutation %q; --list lists them", name)
		}
		some = append(some, all[i])
	}
	return some, nil
}

// all tries every mutation, after the tests have passed without any.
func (t tree) all(ctx context.Context, mutations []mutation, out io.Writer) error {
	if err := t.untouched(ctx, mutations, out); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%-38s %-13s %-74s %-10s %7s %7s\n", "mutation", "breaks", "test", "result", "build", "test")
	began := time.Now()
	var caught, survived, other int
	for _, m := range mutations {
		result, detail := t.try(ctx, &m, out)
		if err := ctx.Err(); err != nil {
			return err
		}
		switch result {
		case "caught":
			caught++
			continue
		case "SURVIVED":
			survived++
		default:
			other++
		}
		fmt.Fprintln(out, indented(detail))
	}
	fmt.Fprintf(out, "\n%d mutations, %d caught, %d survived", len(mutations), caught, survived)
	if other > 0 {
		fmt.Fprintf(out, ", %d could not be judged", other)
	}
	fmt.Fprintf(out, ", in %v\n", time.Since(began).Round(time.Second))
	if caught != len(mutations) {
		return errSurvivors
	}
	return nil
}

// untouched runs every named test on the tree as it is: only one that passes there can
// say something by failing.
func (t tree) untouched(ctx context.Context, mutations []mutation, out io.Writer) error {
	tests, limits := map[string][]string{}, map[string]time.Duration{}
	var folders []string
	for _, m := range mutations {
		if tests[m.Folder] == nil {
			folders = append(folders, m.Folder)
		}
		if !slices.Contains(tests[m.Folder], m.Test) {
			tests[m.Folder] = append(tests[m.Folder], m.Test)
			limits[m.Folder] += m.Within
		}
	}
	fmt.Fprintln(out, "without a mutation:")
	for _, folder := range folders {
		binary, flags, err := t.build(ctx, nil, folder)
		if err != nil {
			return err
		}
		output, took, err := t.run(ctx, binary, flags, folder, tests[folder], limits[folder])
		if err != nil {
			return err
		}
		for _, test := range tests[folder] {
			if v := judge(test, output); v != passed {
				return fmt.Errorf("%s %s: %s on the tree as it is\n%s", folder, test, v, indented(tail(output)))
			}
		}
		fmt.Fprintf(out, "  %-24s %3d tests passed in %5.1f s\n", folder, len(tests[folder]), took.Seconds())
	}
	return nil
}

// try tries one mutation and prints its line.
func (t tree) try(ctx context.Context, m *mutation, out io.Writer) (result, detail string) {
	began := time.Now()
	binary, flags, err := t.build(ctx, m, m.Folder)
	built := time.Since(began)
	var took time.Duration
	if err == nil {
		defer func() { _ = os.RemoveAll(filepath.Dir(binary)) }() // scratch, which goes as a whole later
		var output string
		if output, took, err = t.run(ctx, binary, flags, m.Folder, []string{m.Test}, m.Within); err == nil {
			result, detail = outcome(m, judge(m.Test, output)), tail(output)
		}
	}
	switch {
	case errors.Is(err, errDoesNotBuild):
		result, detail = "NO BUILD", tail(err.Error())
	case err != nil:
		result, detail = "ERROR", err.Error()
	}
	fmt.Fprintf(out, "%-38s %-13s %-74s %-10s %5.1f s %5.1f s\n", m.Name, m.Check, m.Folder+" "+m.Test, result, built.Seconds(), took.Seconds())
	return result, detail
}

// outcome is what a test's end says about a mutation.
func outcome(m *mutation, v verdict) string {
	switch {
	case v == shown[m.Shows]:
		return "caught"
	case v == passed:
		return "SURVIVED"
	default: // such as a time-out where an assertion was to fail
		return strings.ToUpper(string(v))
	}
}

// tail is the end of what a test or a compiler has printed, without what only says that it runs.
func tail(text string) string {
	const enough = 25
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "=== ") })
	return strings.Join(lines[max(0, len(lines)-enough):], "\n")
}

func indented(text string) string { return "    " + strings.ReplaceAll(text, "\n", "\n    ") }
