package query_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestImplies(t *testing.T) {
	for _, c := range []struct {
		filter, condition string
		want              bool
	}{
		{`{"a": 5}`, `{"a": {"$gt": 4}}`, true},
		{`{"a": 5}`, `{"a": {"$gt": 5}}`, false},
		{`{"a": 5}`, `{"a": {"$exists": true}}`, true},
		{`{"a": null}`, `{"a": {"$exists": true}}`, false},
		{`{"b": 5}`, `{"a": {"$exists": true}}`, false},
		{`{"a": 5}`, `{"a": {"$exists": false}}`, false},
		{`{"a": {"$in": [1, 2]}}`, `{"a": {"$in": [1, 2, 3]}}`, true},
		{`{"a": {"$in": [1, 4]}}`, `{"a": {"$in": [1, 2, 3]}}`, false},
		{`{"a": "x"}`, `{"a": {"$gt": 1}}`, false},
		{`{"a": 1}`, `{"a": 1, "b": 1}`, false},
		{`{"b": 1, "a": 1, "c": 1}`, `{"a": 1, "b": 1}`, true},
		{`{"a": {"$gt": 2, "$lt": 4}}`, `{"a": {"$gt": 1, "$lt": 5}}`, false}, // an array may have one key for each
		{`{"a": {"$ne": 1}}`, `{"a": {"$ne": 1}}`, true},
		{`{"a": {"$ne": 2}}`, `{"a": {"$ne": 1}}`, false},
		{`{"a": [1]}`, `{"a": [1]}`, true},
		{`{"a": [1], "b": 2}`, `{"a": [1]}`, false}, // not known
	} {
		require.Equal(t, c.want, filter(t, c.filter).Implies(filter(t, c.condition)), "%s implies %s", c.filter, c.condition)
	}
	require.True(t, filter(t, `{"a": 1}`).Implies(nil))
}
