package api_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/api"
	"yunduo/wire"
)

// What a request does not have is refused by name: a filter with a letter wrong must not mean every document.
func TestDecode_RefusesUnknownFields(t *testing.T) {
	for name, c := range map[string]struct {
		body    string
		into    any
		reason  yunduo.Reason
		message string
	}{
		"Typo":         {`{"collection":"c","fliter":{"a":1},"multi":true}`, &wire.DeleteRequest{}, yunduo.ReasonInvalidRequest, `there is no field "fliter" in this request, which has collection, filter, multi, collation, transaction`},
		"InsidePart":   {`{"collection":"c","index":{"caption":"x","fields":[]}}`, &wire.CreateIndexRequest{}, yunduo.ReasonInvalidRequest, `there is no field "caption" in a part of this request`},
		"WrongType":    {`{"collection":"c","multi":1}`, &wire.DeleteRequest{}, yunduo.ReasonInvalidRequest, `field "multi" must be true or false, not number`},
		"Trailing":     {`{"collection":"c"} {}`, &wire.DeleteRequest{}, yunduo.ReasonMalformedJSON, ""},
		"Broken":       {`{"collection":`, &wire.DeleteRequest{}, yunduo.ReasonMalformedJSON, ""},
		"BrokenBehind": {`{"fliter":1,`, &wire.DeleteRequest{}, yunduo.ReasonMalformedJSON, ""},
		"NoFields":     {`{"a":1}`, &wire.Empty{}, yunduo.ReasonInvalidRequest, `there is no field "a": this request has none`},
	} {
		t.Run(name, func(t *testing.T) {
			err := api.Decode(json.RawMessage(c.body), c.into)
			require.Equal(t, c.reason, yunduo.ReasonOf(err), "%v", err)
			require.Contains(t, yunduo.AsError(err).Message, c.message)
		})
	}
	var r wire.DeleteRequest
	require.NoError(t, api.Decode(json.RawMessage(` {"collection":"c","filter":{"fliter":1}} `), &r), "documents have any fields")
	require.JSONEq(t, `{"fliter":1}`, string(r.Filter))
	require.NoError(t, api.Decode(nil, &r))
}

func BenchmarkDecode(b *testing.B) {
	body := json.RawMessage(`{"collection":"notes","filter":{"_openid":"o-1","done":false},"sort":{"at":-1},"projection":{"text":1},"limit":20}`)
	b.Run("strict", func(b *testing.B) {
		for b.Loop() {
			var r wire.FindRequest
			if err := api.Decode(body, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("lax", func(b *testing.B) {
		for b.Loop() {
			var r wire.FindRequest
			if err := json.Unmarshal(body, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
