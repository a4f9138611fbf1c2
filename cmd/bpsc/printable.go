package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
)

// printable shows text that a stranger may have chosen, such as a wallet's name,
// so that it cannot act on the terminal: control characters, and those that
// change the direction or the look of what stands beside them, are escaped. Line
// breaks and tabs of our own messages stay.
func printable(text string) string { return escape(text, "\n\t") }

// printableLine is printable for text that belongs on one line.
func printableLine(text string) string { return escape(text, "") }

func escape(text, but string) string {
	act := func(r rune) bool { return !unicode.IsPrint(r) && !strings.ContainsRune(but, r) }
	if strings.IndexFunc(text, act) < 0 && !strings.ContainsRune(text, unicode.ReplacementChar) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if act(r) {
			quoted := strconv.QuoteToASCII(string(r))
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// printableRow is a row of a table whose cells are one line each.
func printableRow(row table.Row) table.Row {
	out := make(table.Row, len(row))
	for i, cell := range row {
		out[i] = cell
		if text, is := textOf(cell); is {
			out[i] = printableLine(text)
		}
	}
	return out
}

// textOf is the text that a cell shows; numbers are none.
func textOf(cell any) (string, bool) {
	switch v := cell.(type) {
	case string:
		return v, true
	case nil, int, int64, uint64, bool:
		return "", false
	}
	return fmt.Sprint(cell), true
}
