package query

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// What is passed on parses to the same again.
func TestRaw_IsWhatWasGiven(t *testing.T) {
	encode := func(v any) bson.Raw {
		raw, err := bson.Marshal(v)
		require.NoError(t, err)
		return raw
	}
	operators := encode(bson.D{{Key: "$set", Value: bson.D{{Key: "a.$[x].b", Value: 1}}}})
	u, err := ParseUpdate(operators)
	require.NoError(t, err)
	conditions := []bson.Raw{encode(bson.D{{Key: "x.c", Value: 2}})}
	u, err = u.WithArrayFilters(conditions)
	require.NoError(t, err)
	require.Equal(t, operators, bson.Raw(u.Raw().Value))
	require.Equal(t, conditions, u.ArrayFilters())
	conditions[0][5] ^= 1
	require.NotEqual(t, conditions, u.ArrayFilters(), "the caller may reuse its memory")

	replacement := encode(bson.D{{Key: "a", Value: 1}})
	u, err = ParseUpdate(replacement)
	require.NoError(t, err)
	require.Equal(t, replacement, bson.Raw(u.Raw().Value))

	shown := encode(bson.D{{Key: "a", Value: 1}, {Key: "b", Value: bson.D{{Key: "$slice", Value: 2}}}})
	p, err := ParseProjection(shown)
	require.NoError(t, err)
	require.Equal(t, shown, p.Raw())
	require.Equal(t, emptyDocument, (*Projection)(nil).Raw())

	order := encode(bson.D{{Key: "a", Value: int32(1)}, {Key: "b.c", Value: int32(-1)}})
	s, err := ParseSort(order)
	require.NoError(t, err)
	require.Equal(t, order, s.Raw())
	require.Equal(t, emptyDocument, (*Sort)(nil).Raw())
}
