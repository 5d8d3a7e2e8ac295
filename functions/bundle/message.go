package bundle

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/evanw/esbuild/pkg/api"

	"yunduo"
)

// syntaxError makes the error that an author sees for code that is not JavaScript or TypeScript: the place, what is
// wrong there, and the line with a mark below the column.
func syntaxError(messages []api.Message) error {
	m := messages[0]
	e := yunduo.Errorf(yunduo.ReasonFunctionLoadFailed, "%s", describe(m))
	if m.Location != nil {
		e.Stack = fmt.Sprintf("SyntaxError: %s\n    at %s", m.Text, place(*m.Location))
	}
	return e
}

func place(l api.Location) string {
	return fmt.Sprintf("%s:%d:%d", cleanPath(l.File), l.Line, column(l))
}

// column counts characters from one, as editors do.
func column(l api.Location) int {
	return utf8.RuneCountInString(l.LineText[:min(l.Column, len(l.LineText))]) + 1
}

func describe(m api.Message) string {
	if m.Location == nil {
		return m.Text
	}
	text := place(*m.Location) + ": " + m.Text
	line := strings.TrimRight(m.Location.LineText, "\r\n")
	if line == "" {
		return text
	}
	start := 0
	if at := column(*m.Location) - 1; at > 80 { // minified code has endless lines
		start = at - 40
	}
	runes := []rune(line)
	start = min(start, len(runes))
	shown := string(runes[start:min(len(runes), start+120)])
	indent := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(runes[start:min(len(runes), column(*m.Location)-1)]))
	return fmt.Sprintf("%s\n  %s\n  %s^", text, shown, indent)
}

// cleanPath drops what depends on the place of the build.
func cleanPath(name string) string {
	name = strings.TrimSuffix(name, "/")
	if at := strings.Index(name, "node_modules/"); at > 0 {
		return name[at:]
	}
	return path.Clean(name)
}
