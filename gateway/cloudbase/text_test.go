package cloudbase

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

var bodies = []string{
	`{}`, ` { "a" : 1 , "b":"x" } `, `{"a":[1,{"b":"]}"}],"c":"\"\\","d":null,"e":true,"f":-1.5e3}`, `{"a":1,"a":2}`,
	`{"\u0061":"\u4e91\n\ud83d\ude00","":{}}`, "{\"a\":\"\xff\",\"b\":\"\xff\\n\"}", `null`, `[]`, `"x"`, `{"a":1,}`, `{"a"}`, ``, ` `, `{"a":"\\\""}`, `{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":1e}`, `{"a":1E+5,"b":-0.5e-1}`, `{"a":tru}`, `{"a":"\x"}`, `{"a":"\u12g4"}`, "{\"a\":\"\t\"}", `{"a":[1,]}`, `{"a":[]}x`, `{"a":{"b":}}`, `{"query":"{\"_id\":\"a\\\"b\"}"}`,
}

// What the readers by hand say is what encoding/json says.
func checkMembers(t *testing.T, body []byte) {
	t.Helper()
	var want map[string]json.RawMessage
	failed := json.Unmarshal(body, &want)
	got, err := membersOf(body)
	if failed == nil && (bytes.Count(body, []byte(":")) > maxMembers || bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) > maxNesting) {
		return // it may be too much
	}
	require.Equal(t, failed == nil, err == nil, "%q", body)
	if err != nil {
		return
	}
	names := map[string]bool{}
	for _, m := range got {
		names[m.name] = true
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(names)), "%q", body)
	for name, value := range want {
		require.Equal(t, string(value), string(got.get(name)), "%q", body)
		var text string
		if json.Unmarshal(value, &text) == nil && string(value) != "null" {
			require.Equal(t, text, unquote(value), "%q", body)
		}
	}
}

func TestMembers(t *testing.T) {
	for _, body := range bodies {
		checkMembers(t, []byte(body))
	}
}

func TestMembers_Bounds(t *testing.T) {
	for name, body := range map[string]string{
		"too many members": "{" + strings.Repeat(`"a":1,`, maxMembers) + `"a":1}`,
		"too deep":         `{"a":` + strings.Repeat("[", maxNesting+1) + strings.Repeat("]", maxNesting+1) + "}",
		"deeper than JSON": `{"a":` + strings.Repeat("[", 100_000) + "}",
	} {
		_, err := membersOf([]byte(body))
		require.Error(t, err, name)
	}
	p, err := membersOf([]byte("{" + strings.Repeat(`"a":1,`, maxMembers-1) + `"a":2}`))
	require.NoError(t, err)
	require.Equal(t, "2", string(p.get("a")))
}

func FuzzMembers(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body))
	}
	f.Fuzz(checkMembers)
}

// checkQuoted makes sure that a text comes back, and in compact JSON also by the shorter way.
func checkQuoted(t *testing.T, text []byte) {
	t.Helper()
	var back string
	require.NoError(t, json.Unmarshal(appendQuoted(nil, text), &back))
	if utf8.Valid(text) {
		require.Equal(t, string(text), back)
	}
	if compact, err := json.Marshal(json.RawMessage(text)); err == nil && utf8.Valid(text) {
		document := `{"a":` + string(compact) + `,"b":{}}`
		var listed []string
		require.NoError(t, json.Unmarshal(appendListed(nil, []byte("["+document+","+document+"]")), &listed))
		require.Equal(t, []string{document, document}, listed)
	}
}

func TestQuoted(t *testing.T) {
	for _, text := range append(bodies, "a\x00b\x1f\x7f\n\"\\/\u2028云", "\xff\xfe") {
		checkQuoted(t, []byte(text))
	}
}

func FuzzQuoted(f *testing.F) {
	for _, text := range bodies {
		f.Add([]byte(text))
	}
	f.Fuzz(checkQuoted)
}

func TestListed(t *testing.T) {
	for documents, want := range map[string][]string{
		`[]`:                              {},
		`[{}]`:                            {`{}`},
		`[{"a":"x,]}\"\\"},{"b":[1,{}]}]`: {`{"a":"x,]}\"\\"}`, `{"b":[1,{}]}`},
	} {
		got := []string{}
		require.NoError(t, json.Unmarshal(appendListed(nil, []byte(documents)), &got))
		require.Equal(t, want, got)
	}
}

func TestReply_Text(t *testing.T) {
	for want, r := range map[string]*reply{
		`{"requestId":"r","data":{"list":["{\"a\":1}"]}}`:               {RequestID: "r", Data: list{[]byte(`[{"a":1}]`), appendListed}},
		`{"requestId":"r","data":{"list":"[\"{\\\"a\\\":1}\"]"}}`:       {RequestID: "r", Data: list{[]byte(`[{"a":1}]`), appendAsText}},
		`{"requestId":"","code":"C","message":"a \"b\"","uuid":"u"}`:    {Code: "C", Message: `a "b"`, Top: map[string]any{"uuid": "u"}},
		`{"requestId":"r","data":{"n":1},"transactionId":"t"}`:          {RequestID: "r", Data: map[string]int{"n": 1}, TransactionID: "t"},
		`{"requestId":"r","data":{"response_data":"{\"list\":[1]}"}}`:   {RequestID: "r", Data: returned{result: []byte(`{"list":[1]}`)}},
		`{"requestId":"r","data":{"list":[{"d":{"$date":1}},{"n":5}]}}`: {RequestID: "r", Data: list{[]byte(`[{"d":{"$date":"1970-01-01T00:00:00.001Z"}},{"n":{"$numberLong":"5"}}]`), appendPlain}},
	} {
		text, err := r.text()
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
}
