package documents_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/query/ejson"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// oddTexts are values of every type, most of them in the wrong place wherever they stand.
var oddTexts = map[string]string{
	"null": `null`, "bool": `true`, "zero": `0`, "negative": `-1`, "fraction": `1.5`, "NaN": `{"$numberDouble":"NaN"}`,
	"infinity": `{"$numberDouble":"Infinity"}`, "huge": `{"$numberLong":"9223372036854775807"}`, "least": `{"$numberLong":"-9223372036854775808"}`,
	"decimal": `{"$numberDecimal":"1E+6000"}`, "empty": `""`, "text": `"x"`, "path": `"$a.b"`, "dollar": `"$"`, "variable": `"$$nothing"`,
	"date": `{"$date":{"$numberLong":"-62135596800001"}}`, "id": `{"$oid":"00112233445566778899aabb"}`, "binary": `{"$binary":{"base64":"AAA=","subType":"00"}}`,
	"regex": `{"$regularExpression":{"pattern":"(","options":"z"}}`, "timestamp": `{"$timestamp":{"t":1,"i":1}}`, "min": `{"$minKey":1}`, "max": `{"$maxKey":1}`,
	"list": `[]`, "document": `{}`, "mixed": `[1,"x",null,{"a":[]}]`, "operator": `{"$nonsense":1}`, "two": `{"$gt":1,"a":2}`, "undefined": `{"$undefined":true}`,
}

// altered calls yield with the document and each of its values, at any depth, replaced by v, then left out.
func altered(doc bson.Raw, list bool, v bson.RawValue, yield func(bson.Raw)) {
	type field struct {
		key string
		v   bson.RawValue
	}
	var fields []field
	for it := value.Elements(doc); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		fields = append(fields, field{string(key), v})
	}
	with := func(at int, v bson.RawValue) bson.Raw {
		b := value.BeginDocument(nil)
		n := 0
		for i, f := range fields {
			if i == at {
				if f.v = v; v.Type == 0 {
					continue
				}
			}
			if list {
				b = value.AppendIndexed(b, n, f.v)
			} else {
				b = value.Append(b, f.key, f.v)
			}
			n++
		}
		return value.EndDocument(b, 0)
	}
	for i, f := range fields {
		yield(with(i, v))
		if f.v.Type == bson.TypeEmbeddedDocument || f.v.Type == bson.TypeArray {
			altered(f.v.Value, f.v.Type == bson.TypeArray, v, func(inner bson.Raw) {
				yield(with(i, bson.RawValue{Type: f.v.Type, Value: inner}))
			})
		}
	}
}

// uses say how an example of a kind is put to use.
var uses = map[language.Kind]func(t *testing.T, s *documents.Session, example bson.Raw) error{
	language.Filter: func(t *testing.T, s *documents.Session, example bson.Raw) error {
		cursor, err := s.Find(t.Context(), "notes", documents.Query{Filter: example})
		return drained(t, cursor, err)
	},
	language.Projection: func(t *testing.T, s *documents.Session, example bson.Raw) error {
		cursor, err := s.Find(t.Context(), "notes", documents.Query{Projection: example})
		return drained(t, cursor, err)
	},
	language.Update: updated, language.Modifier: updated, language.Stage: piped,
	language.Accumulator: func(t *testing.T, s *documents.Session, example bson.Raw) error {
		return piped(t, s, raw(t, d("$group", d("_id", nil, "x", example))))
	},
	language.Window: func(t *testing.T, s *documents.Session, example bson.Raw) error {
		return piped(t, s, raw(t, d("$setWindowFields", d("sortBy", d("n", 1), "output", d("x", example)))))
	},
}

func updated(t *testing.T, s *documents.Session, example bson.Raw) error {
	rollback := yunduo.Errorf(yunduo.ReasonDocumentNotFound, "enough")
	err := s.Transact(t.Context(), func(s *documents.Session) error {
		if _, err := s.Update(t.Context(), "notes", documents.Update{Change: example, Multi: true}); err != nil {
			return err
		}
		return rollback
	})
	if err == rollback {
		return nil
	}
	return err
}

func piped(t *testing.T, s *documents.Session, stage bson.Raw) error {
	cursor, err := s.Aggregate(t.Context(), "notes", []bson.Raw{stage})
	return drained(t, cursor, err)
}

// oddDocuments have fields of every type under the names that the examples use.
func oddDocuments(t *testing.T) []bson.Raw {
	var docs []bson.Raw
	for i, name := range slices.Sorted(maps.Keys(oddTexts)) {
		if name == "undefined" || name == "operator" || name == "two" {
			continue
		}
		v, err := ejson.ParseValue([]byte(oddTexts[name]), ejson.Options{})
		if err != nil {
			continue // a regular expression that is none
		}
		docs = append(docs, raw(t, d("_id", i, "a", v, "b", v, "n", v, "list", v, "o", v, "text", v, "at", v)))
	}
	return docs
}

// Whatever stands in the place of any part of an operator, the answer is a result or an error that names what is wrong.
func TestOddValues(t *testing.T) {
	s := shop(t).As(owner)
	require.NoError(t, s.CreateCollection(t.Context(), "c"))
	_, err := s.Insert(t.Context(), "notes", oddDocuments(t))
	require.NoError(t, err)
	for kind, use := range uses {
		for _, e := range language.Entries(kind) {
			if e.Status == language.Refused {
				continue
			}
			t.Run(string(kind)+" "+e.Name, func(t *testing.T) {
				example, err := ejson.Parse([]byte(e.Example), ejson.Options{})
				require.NoError(t, err)
				for name, text := range oddTexts {
					v, err := ejson.ParseValue([]byte(text), ejson.Options{})
					if err != nil {
						v = bson.RawValue{Type: bson.TypeRegex, Value: append([]byte("(\x00"), 0)}
					}
					altered(example, false, v, func(odd bson.Raw) { answered(t, name, odd, use(t, s, odd)) })
				}
				altered(example, false, bson.RawValue{}, func(odd bson.Raw) { answered(t, "left out", odd, use(t, s, odd)) })
			})
		}
	}
}

// The same for operators of expressions, which have no examples: they take one value, and lists of up to three.
func TestOddValues_Expressions(t *testing.T) {
	s := shop(t).As(owner)
	_, err := s.Insert(t.Context(), "notes", oddDocuments(t))
	require.NoError(t, err)
	var values []bson.RawValue
	for _, name := range slices.Sorted(maps.Keys(oddTexts)) {
		if v, err := ejson.ParseValue([]byte(oddTexts[name]), ejson.Options{}); err == nil {
			values = append(values, v)
		}
	}
	for _, e := range language.Entries(language.Expression) {
		t.Run(e.Name, func(t *testing.T) {
			compute := func(argument any) {
				stage := raw(t, d("$project", d("x", d(e.Name, argument))))
				answered(t, "", stage, piped(t, s, stage))
			}
			for i, v := range values {
				next, last := values[(i+1)%len(values)], values[(i+5)%len(values)]
				compute(v)
				compute(d("$literal", v))
				compute(bson.A{d("$literal", v)})
				compute(bson.A{"$a", d("$literal", v)})
				compute(bson.A{d("$literal", v), "$a", d("$literal", next)})
				compute(bson.A{d("$literal", v), d("$literal", next), d("$literal", last)})
				compute(d("input", "$a", "as", v, "in", next, "cond", next, "n", v, "by", v, "find", v, "replacement", v, "regex", v, "date", "$a", "unit", v, "amount", v))
			}
		})
	}
}

// answered fails the test unless an error is one that its sender can understand.
func answered(t *testing.T, name string, asked bson.Raw, err error) {
	if err == nil {
		return
	}
	e := yunduo.AsError(err)
	if e.Reason == yunduo.ReasonInternal || e.Code() == yunduo.CodeInternal || strings.TrimSpace(e.Message) == "" || strings.Contains(e.Message, "%!") {
		t.Errorf("%s: %s: %v", name, ejson.Append(nil, asked), err)
	}
}

func drained(t *testing.T, cursor driver.Cursor, err error) error {
	if err != nil {
		return err
	}
	_, err = documents.All(t.Context(), cursor)
	return err
}
