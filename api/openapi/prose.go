package openapi

import (
	"fmt"
	"html"
	"regexp"
	"strings"
)

// markup is HTML as it is.
type markup string

// markupWriter writes pages. Not html/template, which looks methods up by their names as it runs: with
// that in a program the linker keeps every method of every type, a quarter of this one.
type markupWriter struct{ strings.Builder }

// put writes a format in which text that is not markup is escaped.
func (w *markupWriter) put(format string, args ...any) {
	for i, arg := range args {
		switch arg := arg.(type) {
		case markup:
			args[i] = string(arg)
		case string:
			args[i] = html.EscapeString(arg)
		}
	}
	fmt.Fprintf(w, format, args...)
}

var (
	inCode = regexp.MustCompile("`([^`]+)`")
	inBold = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// prose is as much of CommonMark as the descriptions here have: paragraphs, lists, code and
// bold.
func prose(text string) markup {
	var out strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if strings.HasPrefix(block, "- ") {
			out.WriteString("<ul>")
			for line := range strings.Lines(block) {
				out.WriteString("<li>" + inline(strings.TrimPrefix(strings.TrimSpace(line), "- ")) + "</li>")
			}
			out.WriteString("</ul>")
		} else if block != "" {
			out.WriteString("<p>" + inline(block) + "</p>")
		}
	}
	return markup(out.String())
}

func inline(text string) string {
	text = html.EscapeString(text)
	return inBold.ReplaceAllString(inCode.ReplaceAllString(text, "<code>$1</code>"), "<strong>$1</strong>")
}

// anchor is the id of an element of the page.
func anchor(text string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, text), "-")
}
