package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
)

// These scripts run the real command against the API of a real store, whose
// chain real keys have signed.
func TestEvidenceScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/evidence",
		Setup: setUpWorld,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exit": exitsWith, "edit": edit, "flip": flip, "cut": cut, "unzip": unzip, "zip": zip,
			"readenv": func(ts *testscript.TestScript, _ bool, args []string) { ts.Setenv(args[0], ts.ReadFile(args[1])) },
		},
		Condition: func(name string) (bool, error) {
			return name == "cryptography" && exec.Command("python3", "-c", "import cryptography").Run() == nil, nil
		},
		RequireExplicitExec: true,
	})
}

// changed writes what change makes of a file: NAME FROM TO.
func changed(ts *testscript.TestScript, from, to string, change func(data []byte) []byte) {
	data, err := os.ReadFile(ts.MkAbs(from))
	ts.Check(err)
	after := change(bytes.Clone(data))
	if bytes.Equal(data, after) {
		ts.Fatalf("nothing changes in %s", from)
	}
	ts.Check(os.WriteFile(ts.MkAbs(to), after, 0o600))
}

// edit is: edit FROM TO OLD NEW; the first OLD becomes NEW.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	changed(ts, args[0], args[1], func(data []byte) []byte {
		return bytes.Replace(data, []byte(args[2]), []byte(args[3]), 1)
	})
}

// flip is: flip FROM TO AT; one bit of the byte AT changes, counted from the end
// when it is negative.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	at, err := strconv.Atoi(args[2])
	ts.Check(err)
	changed(ts, args[0], args[1], func(data []byte) []byte {
		data[(at+len(data))%len(data)] ^= 1
		return data
	})
}

// cut is: cut FROM TO LINE; the line goes, counted from 1, or with "end" the
// last ten bytes.
func cut(ts *testscript.TestScript, _ bool, args []string) {
	changed(ts, args[0], args[1], func(data []byte) []byte {
		if args[2] == "end" {
			return data[:len(data)-10]
		}
		line, err := strconv.Atoi(args[2])
		ts.Check(err)
		lines := strings.SplitAfter(string(data), "\n")
		return []byte(strings.Join(append(lines[:line-1:line-1], lines[line:]...), ""))
	})
}

func unzip(ts *testscript.TestScript, _ bool, args []string) {
	changed(ts, args[0], args[1], func(data []byte) []byte {
		r, err := zstd.NewReader(bytes.NewReader(data))
		ts.Check(err)
		defer r.Close()
		plain, err := io.ReadAll(r)
		ts.Check(err)
		return plain
	})
}

func zip(ts *testscript.TestScript, _ bool, args []string) {
	changed(ts, args[0], args[1], func(data []byte) []byte {
		w, err := zstd.NewWriter(nil)
		ts.Check(err)
		return w.EncodeAll(data, nil)
	})
}
