package jsontext_test

import (
	"encoding/json"
	"strings"
	"testing"

	"yunduo/internal/jsontext"
)

var texts = []string{
	``, ` `, `null`, ` true `, `falsee`, `nul`, `0`, `-0`, `-`, `01`, `1.`, `.5`, `1.5`, `1e`, `1e+`, `1e+05`, `1E-3x`, `+1`, `NaN`, `-Infinity`, `1 2`,
	`""`, `"a`, `"\"`, `"\u12"`, `"\u12fG"`, `"\uD800"`, `"\x"`, `"\/\b\f\n\r\t\\\""`, "\"\t\"", "\"\x00\"", "\"\x7f\"", "\"\xff\xfe\"", "\xef\xbb\xbf{}", `"😀"`,
	`[]`, `[1]`, `[1,]`, `[,1]`, `[1 2]`, `[`, `]`, `[]]`, `[[]`, `{}`, `{`, `}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `{"a":1 "b":2}`, `{"a":1,"a":2}`, `{1:2}`,
	"{\"a\"\n:\r\t1\v}", `{"a":[{"b":null},{"c":[-1.25e10,"x"]}]}`, `{"a":1}/**/`, "[1]\x00", "\u00a0[1]",
}

func TestValid_AsEncodingJSON(t *testing.T) {
	for _, text := range texts {
		if got, want := jsontext.Valid([]byte(text)), json.Valid([]byte(text)); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
	for _, depth := range []int{9_999, 10_000, 10_001, 3_000_000} {
		for _, text := range []string{strings.Repeat("[", depth) + strings.Repeat("]", depth), strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth), strings.Repeat("[", depth)} {
			if got, want := jsontext.Valid([]byte(text)), json.Valid([]byte(text)); got != want {
				t.Errorf("%d deep: %t, want %t", depth, got, want)
			}
		}
	}
}

func FuzzValid(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, want := jsontext.Valid(text), json.Valid(text); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	})
}

func BenchmarkValid(b *testing.B) {
	text := []byte(`{"id":12345,"name":"benchmark","list":[1,2,3],"nested":{"ok":true}}`)
	for b.Loop() {
		jsontext.Valid(text)
	}
}
