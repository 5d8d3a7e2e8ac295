package mongodb_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/mongodb"
)

// Callers on two nodes who find nothing at once insert one document together.
func TestUpdateOrCreate_OnTwoNodes(t *testing.T) {
	uri := listener(t)
	var nodes []*documents.Session
	for range 2 {
		e, err := mongodb.Open(t.Context(), uri, mongodb.Options{})
		require.NoError(t, err)
		db := documents.New(e, documents.Options{})
		t.Cleanup(func() {
			db.Close()
			require.NoError(t, e.Close())
		})
		nodes = append(nodes, db.As(yunduo.Caller{App: "shop", Role: yunduo.RoleOwner}))
	}
	require.NoError(t, nodes[0].CreateCollection(t.Context(), "notes"))
	update := documents.Update{Filter: marshal(t, bson.D{{Key: "key", Value: "k"}}), Change: marshal(t, bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}})}
	create := marshal(t, bson.D{{Key: "key", Value: "k"}, {Key: "n", Value: 1}})
	const callers = 8
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { _, errs[i] = nodes[i%2].UpdateOrCreate(t.Context(), "notes", update, create) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	cursor, err := nodes[1].Find(t.Context(), "notes", documents.Query{})
	require.NoError(t, err)
	found, err := documents.All(t.Context(), cursor)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.EqualValues(t, callers, found[0].Lookup("n").AsInt64())
}
