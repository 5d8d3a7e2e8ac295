package query_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/language"
)

// parsers say for each kind of the table how its examples are read.
var parsers = map[language.Kind]func(raw bson.Raw) error{
	language.Filter:     func(raw bson.Raw) error { _, err := query.ParseFilter(raw); return err },
	language.Projection: func(raw bson.Raw) error { _, err := query.ParseProjection(raw); return err },
	language.Update:     parseUpdateOnly, language.Modifier: parseUpdateOnly,
}

func parseUpdateOnly(raw bson.Raw) error { _, err := query.ParseUpdate(raw); return err }

// forms make of a name that is refused, or unknown, what a parser would meet it in.
var forms = map[language.Kind]func(name string) string{
	language.Filter:     func(name string) string { return `{"a":{"` + name + `":1}}` },
	language.Projection: func(name string) string { return `{"a":{"` + name + `":1}}` },
	language.Update:     func(name string) string { return `{"` + name + `":{"a":1}}` },
}

// What the table declares is what parsing takes and refuses.
func TestLanguageTable(t *testing.T) {
	for kind, parse := range parsers {
		for _, e := range language.Entries(kind) {
			switch {
			case e.Status != language.Refused:
				require.NotEmpty(t, e.Example, e.Name)
				require.NoError(t, parse(doc(t, e.Example)), e.Example)
			case e.Name != "$": // which stands in paths
				err := parse(doc(t, forms[kind](e.Name)))
				require.Equal(t, yunduo.ReasonUnknownOperator, yunduo.ReasonOf(err), e.Name)
				require.Contains(t, err.Error(), e.Note)
			}
		}
	}
	for kind, form := range forms {
		if kind == language.Projection {
			continue // what is no operator of projections is one of expressions
		}
		err := parsers[kind](doc(t, form("$nonsense")))
		require.Equal(t, yunduo.ReasonUnknownOperator, yunduo.ReasonOf(err), kind)
	}
}

// Errors carry the numbers that MongoDB gives them.
func TestMongoCodes(t *testing.T) {
	parse := func(text string) error { return parseUpdateOnly(doc(t, text)) }
	for _, c := range []struct {
		err  error
		code int
	}{
		{parse(`{"$set":{"a":1,"a.b":2}}`), 40}, {parse(`{"$set":{"":1}}`), 56}, {parse(`{"$set":{"a..b":1}}`), 56},
		{parse(`{"$set":{"$a":1}}`), 52}, {parse(`{"$nonsense":{"a":1}}`), 9}, {parse(`{"$inc":{"a":"x"}}`), 14},
		{parse(`{"$set":5}`), 9}, {parsers[language.Filter](doc(t, `{"a":{"$nonsense":1}}`)), 2},
		{parsers[language.Filter](doc(t, `{"$and":[]}`)), 2}, {apply(t, `{"a":1}`, `{"$set":{"a.b":1}}`), 28},
		{apply(t, `{"a":"x"}`, `{"$inc":{"a":1}}`), 14}, {apply(t, `{"_id":1}`, `{"$set":{"_id":2}}`), 66},
		{apply(t, `{"a":1}`, `{"$push":{"a":1}}`), 2}, {apply(t, `{"a":1}`, `{"$pop":{"a":1}}`), 14},
		{apply(t, `{"a":[1]}`, `{"$set":{"a.x":1}}`), 28}, {apply(t, `{"_id":1}`, `{"_id":2}`), 66},
	} {
		require.Error(t, c.err)
		require.Equal(t, c.code, yunduo.AsError(c.err).MongoCode(), c.err.Error())
	}
}

func apply(t *testing.T, document, change string) error {
	_, _, err := update(t, change).Apply(doc(t, document), query.ApplyContext{Now: now})
	return err
}
