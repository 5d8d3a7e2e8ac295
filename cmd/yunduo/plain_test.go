package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/wire"
)

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "",
		"云 ✗ é\tcell\nline":                  "云 ✗ é\tcell\nline",
		"a\r\nb":                             "a\nb",
		"good\rbad":                          `good\x0dbad`,
		"\x1b[2J\x1b]0;title\x07\x1b]52;c;x": `\x1b[2J\x1b]0;title\x07\x1b]52;c;x`,
		"\u009b31m\u007f\x00":                `\x9b31m\x7f\x00`,
		"user\u202egnp.exe\u2066":            `user\u202egnp.exe\u2066`,
		"broken \xff\x9b end":                "broken \xff\x9b end",
	} {
		require.Equal(t, want, plain(text))
	}
	// What is no UTF-8 stands for nothing once something else had to be spelled out.
	require.Equal(t, "\ufffd\\x1b", plain("\x9b\x1b"))
}

// What a function prints reaches terminals by logs and traces.
func TestPlain_LogsAndTraces(t *testing.T) {
	const evil = "\x1b]52;c;cm0=\x07"
	var out strings.Builder
	i := wire.InvocationRecord{Function: "f", Message: evil, Reason: "function_error", Lines: []wire.LogLine{{Level: "info", Message: evil + "\ttab"}}}
	require.NoError(t, printTrace(plainWriter{&out}, "en", wire.TraceResponse{InvocationRecord: i}))
	require.NotContains(t, plain(logRow(i))+out.String(), "\x1b")
	require.Contains(t, plain(logRow(i)), `\x1b]52`)
	require.Contains(t, out.String(), `\x1b]52`)
}
