package cloudbase

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/ejson"
)

func TestPlainJSON_DatesAndLongsAsOldClientsReadThem(t *testing.T) {
	doc, err := bson.Marshal(bson.D{
		{Key: "at", Value: time.UnixMilli(1709210096789)}, {Key: "before", Value: time.UnixMilli(-1)},
		{Key: "far", Value: time.UnixMilli(253402300800000)}, {Key: "big", Value: int64(1) << 60},
		{Key: "text", Value: `{"$date":"2024-02-29T12:34:56Z"} {\"$`}, {Key: "nested", Value: bson.A{bson.D{{Key: "at", Value: time.UnixMilli(0)}}}},
		{Key: "id", Value: bson.ObjectID{1}},
	})
	require.NoError(t, err)
	require.JSONEq(t, `{"at":{"$date":1709210096789},"before":{"$date":-1},"far":{"$date":253402300800000},"big":1152921504606846976,
		"text":"{\"$date\":\"2024-02-29T12:34:56Z\"} {\\\"$","nested":[{"at":{"$date":"1970-01-01T00:00:00Z"}}],"id":{"$oid":"010000000000000000000000"}}`,
		string(plainJSON(ejson.Append(nil, doc))))
}

func TestSortOf(t *testing.T) {
	for given, want := range map[string]string{
		``: ``, `null`: ``, `[]`: `{}`,
		`[{"field":"n","direction":"desc"},{"field":"a.b","direction":"asc"},{"field":"n","direction":"asc"}]`: `{"n":-1,"a.b":1}`,
		`[{"field":"quote\"d"}]`: `{"quote\"d":1}`,
	} {
		got, err := sortOf(json.RawMessage(given))
		require.NoError(t, err, given)
		require.Equal(t, want, string(got), given)
	}
	for _, wrong := range []string{`{}`, `[1]`, `[{"field":"n","direction":"up"}]`, `[`} {
		_, err := sortOf(json.RawMessage(wrong))
		require.Error(t, err, wrong)
	}
}

func TestIDFilter_NumbersCannotBeToldFromTheirText(t *testing.T) {
	for id, want := range map[string]string{
		"a": `{"_id":"a"}`, "7": `{"_id":{"$in":["7",7]}}`, "-1.5": `{"_id":{"$in":["-1.5",-1.5]}}`,
		"007": `{"_id":"007"}`, "NaN": `{"_id":"NaN"}`, `{"$ne":1}`: `{"_id":"{\"$ne\":1}"}`, "1e3": `{"_id":"1e3"}`,
	} {
		got, err := idFilter(id)
		require.NoError(t, err)
		require.JSONEq(t, want, string(got))
	}
}

func TestChangeOf_AnEmptyMergeIsNoReplacement(t *testing.T) {
	require.Equal(t, `{"$set":{}}`, string(changeOf(json.RawMessage(" { } "), true)))
	require.Equal(t, `{}`, string(changeOf(json.RawMessage("{}"), false)))
	require.Equal(t, `{"a":1}`, string(changeOf(json.RawMessage(`{"a":1}`), true)))
}

func FuzzPlainJSON(f *testing.F) {
	f.Add([]byte(`{"a":{"$date":"2024-02-29T12:34:56Z"},"b":{"$numberLong":"5"},"c":{"$date":{"$numberLong":"-1"}}}`))
	f.Add([]byte(`[{"$date":{"$date":"x"}},{"$numberLong":"x"}]`))
	f.Add([]byte(`"{\"$date\":\""`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if json.Valid(text) && !json.Valid(plainJSON(text)) {
			t.Fatalf("%s became %s", text, plainJSON(text))
		}
	})
}

func FuzzSortOf(f *testing.F) {
	f.Add([]byte(`[{"field":"n","direction":"desc"},{"field":"\u0000","direction":"asc"}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		sort, err := sortOf(text)
		if err == nil && len(sort) > 0 && !json.Valid(sort) {
			t.Fatalf("%s became %s", text, sort)
		}
	})
}

func FuzzCommand(f *testing.F) {
	f.Add([]byte(`{"find":"c","filter":{}}`))
	f.Add([]byte(`{"find":{"a":1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		name, collection, err := verb(text)
		if err != nil && (name != "" || collection != "") {
			t.Fatal("a refused command has a name")
		}
	})
}
