package pipeline

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/ejson"
	"yunduo/data/query/language"
)

// What the table declares is what there is.
func TestLanguageTable(t *testing.T) {
	require.Equal(t, language.Names(language.Stage), slices.Sorted(maps.Keys(stageTable())))
	for _, e := range append(language.Entries(language.Window), language.Entries(language.Accumulator)...) {
		if e.Status == language.Refused {
			continue
		}
		text := `{"$setWindowFields":{"sortBy":{"n":1},"output":{"f":` + e.Example + `}}}`
		stage, err := ejson.Parse([]byte(text), ejson.Options{})
		require.NoError(t, err, text)
		_, err = Parse([]bson.Raw{stage})
		require.NoError(t, err, text)
	}
	for _, e := range language.Entries(language.Stage) {
		text := e.Example
		if e.Status == language.Refused {
			text = `{"` + e.Name + `":{}}`
		}
		stage, err := ejson.Parse([]byte(text), ejson.Options{})
		require.NoError(t, err, text)
		_, err = Parse([]bson.Raw{stage})
		if e.Status == language.Refused {
			require.Equal(t, yunduo.ReasonUnknownOperator, yunduo.ReasonOf(err), text)
			require.Equal(t, language.UnrecognizedStage, yunduo.AsError(err).MongoCode())
			continue
		}
		require.NoError(t, err, text)
	}
}
