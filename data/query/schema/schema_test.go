package schema_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/ejson"
	"yunduo/data/query/schema"
)

func doc(t testing.TB, text string) bson.Raw {
	t.Helper()
	d, err := ejson.Parse([]byte(text), ejson.Options{})
	require.NoError(t, err, text)
	return d
}

// A schema, documents that satisfy it | documents that do not.
func TestMatch(t *testing.T) {
	for _, c := range []struct{ schema, valid, invalid string }{
		{`{}`, `{} {"a":1}`, ``},
		{`{"title":"t","description":"d"}`, `{}`, ``},
		{`{"required":["a","b"]}`, `{"a":1,"b":null}`, `{"a":1} {}`},
		{`{"bsonType":"object"}`, `{}`, ``}, {`{"type":"array"}`, ``, `{}`},
		{`{"properties":{"a":{"bsonType":"int"}}}`, `{} {"a":5}`, `{"a":5.5} {"a":"5"} {"a":null} {"a":[5]}`},
		{`{"properties":{"a":{"bsonType":["int","null"]}}}`, `{"a":5} {"a":null}`, `{"a":5.5}`},
		{`{"properties":{"a":{"type":"number"}}}`, `{"a":5} {"a":5.5} {"a":{"$numberLong":"5"}} {"a":{"$numberDecimal":"5"}}`, `{"a":"x"}`},
		{`{"properties":{"a":{"bsonType":"number"}}}`, `{"a":5} {"a":5.5}`, `{"a":"x"}`},
		{`{"properties":{"a":{"type":["string","boolean"]}}}`, `{"a":"x"} {"a":false}`, `{"a":1} {"a":null}`},
		{`{"properties":{"a":{"bsonType":"date"},"b":{"bsonType":"objectId"},"c":{"bsonType":"binData"}}}`, `{"a":{"$date":0},"b":{"$oid":"65e0f5c1a1b2c3d4e5f60718"},"c":{"$binary":{"base64":"AQ==","subType":"00"}}}`, `{"a":0} {"b":"x"}`},
		{`{"properties":{"a":{"minimum":1,"maximum":5}}}`, `{"a":1} {"a":5} {"a":"x"} {} {"a":2.5}`, `{"a":0} {"a":6} {"a":{"$numberDouble":"NaN"}}`},
		{`{"properties":{"a":{"maximum":{"$numberDouble":"Infinity"}}}}`, `{"a":5}`, `{"a":{"$numberDecimal":"NaN"}}`},
		{`{"properties":{"a":{"minimum":1,"exclusiveMinimum":true,"exclusiveMaximum":true,"maximum":5}}}`, `{"a":2}`, `{"a":1} {"a":5}`},
		{`{"properties":{"a":{"exclusiveMinimum":false,"minimum":1}}}`, `{"a":1}`, `{"a":0}`},
		{`{"properties":{"a":{"multipleOf":5}}}`, `{"a":10} {"a":0} {"a":-5} {"a":"x"} {"a":{"$numberDecimal":"15"}}`, `{"a":7} {"a":2.5}`},
		{`{"properties":{"a":{"multipleOf":{"$numberDecimal":"0.1"}}}}`, `{"a":{"$numberDecimal":"0.3"}}`, `{"a":{"$numberDecimal":"0.35"}}`},
		{`{"properties":{"a":{"minLength":2,"maxLength":3}}}`, `{"a":"ab"} {"a":"云朵云"} {"a":5}`, `{"a":"a"} {"a":"abcd"} {"a":"云"}`},
		{`{"properties":{"a":{"pattern":"^b.d$"}}}`, `{"a":"bad"} {"a":1}`, `{"a":"bd"}`},
		{`{"properties":{"a":{"enum":["x",1,null,{"k":1,"l":2},[1]]}}}`, `{"a":"x"} {"a":1.0} {"a":null} {"a":{"l":2,"k":1}} {"a":[1]} {}`, `{"a":"y"} {"a":2} {"a":[1,1]}`},
		{`{"properties":{"a":{"minItems":1,"maxItems":2}}}`, `{"a":[1]} {"a":[1,2]} {"a":"x"}`, `{"a":[]} {"a":[1,2,3]}`},
		{`{"properties":{"a":{"uniqueItems":true}}}`, `{"a":[1,2]} {"a":[[1],[2]]}`, `{"a":[1,1.0]} {"a":[{"k":1,"l":2},{"l":2,"k":1}]}`},
		{`{"properties":{"a":{"uniqueItems":false}}}`, `{"a":[1,1]}`, ``},
		{`{"properties":{"a":{"items":{"bsonType":"int"}}}}`, `{"a":[1,2]} {"a":[]} {"a":"x"}`, `{"a":[1,"x"]}`},
		{`{"properties":{"a":{"items":[{"bsonType":"int"},{"bsonType":"string"}]}}}`, `{"a":[1,"x"]} {"a":[1]} {"a":[1,"x",null]}`, `{"a":["x"]} {"a":[1,1]}`},
		{`{"properties":{"a":{"items":[{"bsonType":"int"}],"additionalItems":false}}}`, `{"a":[1]}`, `{"a":[1,2]}`},
		{`{"properties":{"a":{"items":[{"bsonType":"int"}],"additionalItems":{"bsonType":"string"}}}}`, `{"a":[1,"x"]}`, `{"a":[1,2]}`},
		{`{"properties":{"a":{"items":{"bsonType":"int"},"additionalItems":false}}}`, `{"a":[1,2]}`, ``},
		{`{"minProperties":1,"maxProperties":2}`, `{"a":1} {"a":1,"b":1}`, `{} {"a":1,"b":1,"c":1}`},
		{`{"properties":{"a":{}},"additionalProperties":false}`, `{} {"a":1}`, `{"b":1}`},
		{`{"properties":{"a":{}},"additionalProperties":true}`, `{"b":1}`, ``},
		{`{"properties":{"a":{"bsonType":"string"}},"additionalProperties":{"bsonType":"int"}}`, `{"a":"x","b":1}`, `{"a":"x","b":"y"}`},
		{`{"patternProperties":{"^n_":{"bsonType":"int"}},"additionalProperties":false}`, `{"n_a":1}`, `{"n_a":"x"} {"m":1}`},
		{`{"properties":{"n_a":{"minimum":3}},"patternProperties":{"^n_":{"bsonType":"int"}}}`, `{"n_a":4}`, `{"n_a":2} {"n_a":4.5}`},
		{`{"dependencies":{"card":["address"]}}`, `{} {"address":1} {"card":1,"address":1}`, `{"card":1}`},
		{`{"dependencies":{"card":{"properties":{"n":{"bsonType":"int"}},"required":["n"]}}}`, `{} {"card":1,"n":1}`, `{"card":1} {"card":1,"n":"x"}`},
		{`{"allOf":[{"required":["a"]},{"required":["b"]}]}`, `{"a":1,"b":1}`, `{"a":1}`},
		{`{"anyOf":[{"required":["a"]},{"required":["b"]}]}`, `{"a":1} {"a":1,"b":1}`, `{}`},
		{`{"oneOf":[{"required":["a"]},{"required":["b"]}]}`, `{"a":1}`, `{} {"a":1,"b":1}`},
		{`{"not":{"required":["a"]}}`, `{}`, `{"a":1}`},
		{`{"properties":{"o":{"bsonType":"object","required":["k"],"properties":{"k":{"items":{"properties":{"q":{"minimum":0}}}}}}}}`, `{"o":{"k":[{"q":1},{}]}}`, `{"o":{}} {"o":{"k":[{"q":-1}]}} {"o":1}`},
	} {
		s, err := schema.Parse(doc(t, c.schema))
		require.NoError(t, err, c.schema)
		for _, text := range strings.Fields(c.valid) {
			require.True(t, s.Match(doc(t, text)), "%s refuses %s", c.schema, text)
		}
		for _, text := range strings.Fields(c.invalid) {
			require.False(t, s.Match(doc(t, text)), "%s takes %s", c.schema, text)
		}
	}
}

func TestParse_Refuses(t *testing.T) {
	for text, code := range map[string]int{
		`{"nonsense":1}`: 9, `{"$ref":"x"}`: 9, `{"format":"email"}`: 9, `{"default":1}`: 9, `{"type":"integer"}`: 2, `{"type":"int"}`: 2, `{"bsonType":"boolean"}`: 2, `{"bsonType":[]}`: 9,
		`{"type":"object","bsonType":"object"}`: 9, `{"bsonType":["int","int"]}`: 9, `{"bsonType":5}`: 14, `{"required":[]}`: 9, `{"required":"a"}`: 14, `{"required":["a","a"]}`: 9, `{"required":[1]}`: 14,
		`{"minimum":"1"}`: 14, `{"exclusiveMinimum":true}`: 9, `{"minimum":1,"exclusiveMinimum":1}`: 14, `{"multipleOf":0}`: 9, `{"multipleOf":{"$numberDouble":"Infinity"}}`: 9, `{"multipleOf":"1"}`: 14, `{"minLength":-1}`: 9, `{"maxItems":1.5}`: 9,
		`{"pattern":"("}`: 9, `{"pattern":1}`: 14, `{"patternProperties":{"(":{}}}`: 9, `{"enum":[]}`: 9, `{"enum":[1,1.0]}`: 9, `{"enum":1}`: 14, `{"properties":1}`: 14, `{"properties":{"a":1}}`: 14,
		`{"allOf":[]}`: 9, `{"anyOf":{}}`: 14, `{"oneOf":[1]}`: 14, `{"not":[]}`: 14, `{"items":1}`: 14, `{"uniqueItems":1}`: 14, `{"additionalProperties":1}`: 14, `{"dependencies":{"a":[]}}`: 9, `{"title":1}`: 14,
		`{"pattern":"` + strings.Repeat("a", 70_000) + `"}`: 9,
	} {
		_, err := schema.Parse(doc(t, text))
		require.Equal(t, yunduo.ReasonInvalidFilter, yunduo.ReasonOf(err), text)
		require.Equal(t, code, yunduo.AsError(err).MongoCode(), text)
	}
	_, err := schema.Parse(bson.Raw("nonsense"))
	require.Error(t, err)
}

func FuzzSchema(f *testing.F) {
	for _, text := range []string{
		`{"required":["a"],"properties":{"a":{"bsonType":"int","minimum":1}},"additionalProperties":false}`,
		`{"anyOf":[{"not":{}},{"items":[{"enum":[1]}],"additionalItems":false}],"dependencies":{"a":["b"],"c":{}},"patternProperties":{"^a":{"pattern":"b"}}}`,
	} {
		f.Add([]byte(doc(f, text)), []byte(doc(f, `{"a":1,"b":[1,{"c":"d"}]}`)))
	}
	f.Fuzz(func(_ *testing.T, raw, document []byte) {
		if s, err := schema.Parse(raw); err == nil {
			s.Match(document)
		}
	})
}
