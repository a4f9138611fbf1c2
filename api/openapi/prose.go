package openapi

import (
	"html/template"
	"regexp"
	"strings"
)

var (
	inCode = regexp.MustCompile("`([^`]+)`")
	inBold = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// prose is as much of CommonMark as the descriptions here have: paragraphs, lists, code and
// bold.
func prose(text string) template.HTML {
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
	return template.HTML(out.String()) //nolint:gosec // of this package's own texts, escaped
}

func inline(text string) string {
	text = template.HTMLEscapeString(text)
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
