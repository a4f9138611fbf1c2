package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"
)

// widest is the widest line of a drawing.
func widest(drawn string) (width int) {
	for line := range strings.SplitSeq(drawn, "\n") {
		width = max(width, text.StringWidthWithoutEscSequences(line))
	}
	return width
}

func TestATableFitsTheTerminal(t *testing.T) {
	id := strings.Repeat("ab", 32)
	header := table.Row{"id", "status", Extra("kind"), "why"}
	rows := []table.Row{{id, "final", "transfer", "it was asked for by somebody who wanted it"}, {"short", "pending"}}

	whole := renderTable(header, rows, 0, false)
	require.Greater(t, widest(whole), 120)
	require.Equal(t, whole, renderTable(header, rows, widest(whole), false), "as it is where it fits")

	narrower := renderTable(header, rows, widest(whole)-1, false)
	require.NotContains(t, narrower, "KIND")
	require.Contains(t, narrower, "not shown, for want of room: kind")

	wrapped := renderTable(header, rows, 100, false)
	require.LessOrEqual(t, widest(wrapped), 100)
	require.Contains(t, wrapped, id, "an id stays whole")
	require.Contains(t, wrapped, "somebody")

	list := renderTable(header, rows, 70, false)
	require.LessOrEqual(t, widest(list), 72, "no narrower than an id and its title")
	require.Contains(t, list, "ID      "+id)
	require.Contains(t, list, "KIND    transfer", "a list has room for all columns")
	require.Contains(t, list, "\n\nID      short")
}

func TestHashesAreCutInTablesOnly(t *testing.T) {
	id := strings.Repeat("ab", 32)
	o := &Options{}
	for form, whole := range map[string]bool{Table: false, CSV: true} {
		var out bytes.Buffer
		o.Output = form
		require.NoError(t, o.Print(&out, nil, table.Row{"hash", "yes"}, table.Row{Digest(id), Good("yes")}))
		require.Equal(t, whole, strings.Contains(out.String(), id))
		require.NotContains(t, out.String(), "\x1b", "nobody looks, so nothing is coloured")
	}
}

// tty is an output that says it is a terminal.
type tty struct{ bytes.Buffer }

func (*tty) Columns() int   { return 80 }
func (*tty) Terminal() bool { return true }

func TestColoursAreForTerminalsAndCanBeRefused(t *testing.T) {
	text.EnableColors()
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	o, row := &Options{Output: Table}, table.Row{Good("yes"), Bad("no")}
	var out tty
	require.NoError(t, o.Print(&out, nil, table.Row{"a", "b"}, row))
	require.Contains(t, out.String(), "\x1b[32myes")
	require.Contains(t, out.String(), "\x1b[31mno")
	for variable, value := range map[string]string{"NO_COLOR": "1", "TERM": "dumb"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, value)
			var out tty
			require.NoError(t, o.Print(&out, nil, table.Row{"a", "b"}, row))
			require.NotContains(t, out.String(), "\x1b")
		})
	}
}

func TestFormsForPrograms(t *testing.T) {
	v := map[string]any{"amount": 0.5, "digits": "12", "list": []int{1}, "none": nil, "text": "a, \"b\"\x1b", "yes": true}
	for form, want := range map[string]string{
		YAML: "amount: 0.5\ndigits: \"12\"\nlist:\n  - 1\nnone: null\ntext: \"a, \\\"b\\\"\\e\"\nyes: true\n",
		CSV:  "amount,digits,list,none,text,yes\n0.5,12,[1],,\"a, \"\"b\"\"\\x1b\",true\n",
	} {
		var out bytes.Buffer
		require.NoError(t, (&Options{Output: form}).Say(&out, v, "a sentence"))
		require.Equal(t, want, out.String(), form)
	}
	var out bytes.Buffer
	require.NoError(t, (&Options{Output: CSV}).Say(&out, []any{map[string]int{"a": 1}, map[string]int{"b": 2}, 3}, ""))
	require.Equal(t, "a,b,value\n1,,\n,2,\n,,3\n", out.String(), "a row for each item, a column for each key")
}
