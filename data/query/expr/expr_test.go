package expr_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/expr"
)

// now is $$NOW in every test.
var now = time.Date(2024, 5, 6, 7, 8, 9, 123e6, time.UTC)

// document is what the table tests are evaluated on.
const document = `{
	"_id": 1, "i": 7, "neg": -7, "big": {"$numberLong": "9007199254740993"}, "l": {"$numberLong": "5"}, "d": 2.5,
	"dec": {"$numberDecimal": "1.5"}, "nan": {"$numberDouble": "NaN"}, "s": "Hello", "cn": "你好，世界", "empty": "",
	"n": null, "t": true, "f": false, "zero": 0, "at": {"$date": "2024-02-29T20:30:40.567Z"},
	"oid": {"$oid": "65e0f5c1a1b2c3d4e5f60718"}, "o": {"a": 1, "b": {"c": 2}}, "a": [1, 2, 3, 2], "none": [],
	"strs": ["b", "a", "c"], "docs": [{"k": "x", "v": 1, "sub": {"n": 10}}, {"k": "y", "v": 2}, 5, {"v": 3, "sub": [{"n": 1}, {"n": 2}]}],
	"re": {"$regularExpression": {"pattern": "l+", "options": "i"}}, "bin": {"$binary": {"base64": "AQID", "subType": "00"}},
	"ts": {"$timestamp": {"t": 1700000000, "i": 3}}, "field.dot": 4, "$dollar": 5
}`

// row is an expression and what it makes of the document. want is EJSON; empty want stands for missing. fails is the
// reason of the error that is expected instead.
type row struct {
	expression, want string
	fails            yunduo.Reason
}

const (
	failed  = yunduo.ReasonExpressionFailed
	invalid = yunduo.ReasonInvalidPipeline
	unknown = yunduo.ReasonUnknownOperator
)

func parseValue(t testing.TB, text string) bson.RawValue {
	t.Helper()
	var d bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(`{"v":`+text+`}`), false, &d), text)
	raw, err := bson.Marshal(d)
	require.NoError(t, err)
	return bson.Raw(raw).Lookup("v")
}

func show(v bson.RawValue) string {
	if v.Type == 0 {
		return "missing"
	}
	return v.String()
}

func run(t *testing.T, rows []row) {
	t.Helper()
	doc := bson.Raw(parseValue(t, document).Value)
	for _, r := range rows {
		t.Run(r.expression, func(t *testing.T) {
			e, err := expr.Parse(parseValue(t, r.expression))
			var got bson.RawValue
			if err == nil {
				got, err = e.Eval(doc, expr.Vars{Now: now})
			}
			if r.fails != "" {
				require.Error(t, err, "got %s", show(got))
				require.Equal(t, r.fails, yunduo.ReasonOf(err), err.Error())
				return
			}
			require.NoError(t, err)
			var want bson.RawValue
			if r.want != "" {
				want = parseValue(t, r.want)
			}
			require.Equal(t, show(want), show(got))
			require.Equal(t, want.Type, got.Type, "type")
			require.True(t, bytes.Equal(want.Value, got.Value), "bytes")
			if got.Type != 0 {
				require.NoError(t, got.Validate())
			}
		})
	}
}
