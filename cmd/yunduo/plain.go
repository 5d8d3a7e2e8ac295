package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// plain returns a text that others wrote, such as what functions print, so that a terminal shows it and does not obey it:
// what controls terminals or turns the direction of writing is spelled out. Lines and tabulators stay.
func plain(text string) string {
	if strings.IndexFunc(text, commands) < 0 {
		return text
	}
	var shown strings.Builder
	for _, r := range strings.ReplaceAll(text, "\r\n", "\n") {
		switch {
		case !commands(r):
			shown.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&shown, `\x%02x`, r)
		default:
			fmt.Fprintf(&shown, `\u%04x`, r)
		}
	}
	return shown.String()
}

func commands(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// plainWriter writes texts as plain has them. Each write is a text of its own.
type plainWriter struct{ io.Writer }

// Write implements io.Writer.
func (w plainWriter) Write(text []byte) (int, error) {
	if _, err := io.WriteString(w.Writer, plain(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}
