package expr

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/data/query/ejson"
	"yunduo/data/query/language"
)

// What the table declares is what there is.
func TestLanguageTable(t *testing.T) {
	require.Equal(t, language.Names(language.Expression), slices.Sorted(maps.Keys(operators())))
	for _, e := range language.Entries(language.Accumulator) {
		if e.Status == language.Refused {
			continue
		}
		v, err := ejson.ParseValue([]byte(e.Example), ejson.Options{})
		require.NoError(t, err)
		_, err = ParseAccumulation(v, Scope{})
		require.NoError(t, err, e.Example)
	}
	for _, name := range language.Names(language.Variable) {
		c := &compiler{operators: operators()}
		_, err := c.reference(name)
		require.NoError(t, err)
	}
}
