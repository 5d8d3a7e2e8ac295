package documents_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

func fill(t testing.TB, s *documents.Session, n int) {
	t.Helper()
	for start := 0; start < n; start += documents.MaxInsert {
		var docs []bson.D
		for i := start; i < min(n, start+documents.MaxInsert); i++ {
			docs = append(docs, d("_id", i))
		}
		insert(t, s, "notes", docs...)
	}
}

func TestFind_Limits(t *testing.T) {
	db := shop(t)
	fill(t, db.As(li), 1500)
	for _, caller := range []yunduo.Caller{owner, function, li} {
		for limit, want := range map[int64]int{0: 100, 1: 1, 100: 100, 1000: 1000, 1001: 1000, 1 << 40: 1000} {
			cursor, err := db.As(caller).Find(t.Context(), "notes", documents.Query{Limit: limit})
			require.Len(t, ids(t, cursor, err), want)
		}
	}
	cursor, err := db.As(owner).Find(t.Context(), "notes", documents.Query{NoLimit: true})
	require.Len(t, ids(t, cursor, err), 1500)
	cursor, err = db.As(owner).Find(t.Context(), "notes", documents.Query{NoLimit: true, Limit: 1200})
	require.Len(t, ids(t, cursor, err), 1200)
	_, err = db.As(li).Find(t.Context(), "notes", documents.Query{NoLimit: true})
	requireReason(t, yunduo.ReasonPermissionDenied, err)
}

func TestFind_SkipSortProjection(t *testing.T) {
	db := shop(t)
	insert(t, db.As(owner), "notes", d("_id", "a", "n", 1, "z", 0), d("_id", "b", "n", 2, "z", 0), d("_id", "c", "n", 3, "z", 0))
	cursor, err := db.As(owner).Find(t.Context(), "notes", documents.Query{Sort: raw(t, d("n", -1)), Skip: 1, Limit: 1, Projection: raw(t, d("n", 1))})
	require.NoError(t, err)
	rows, err := documents.All(t.Context(), cursor)
	require.NoError(t, err)
	require.Equal(t, []bson.Raw{raw(t, d("_id", "b", "n", 2))}, rows)
}

func TestFind_Refuses(t *testing.T) {
	db := shop(t)
	for name, row := range map[string]struct {
		query  documents.Query
		reason yunduo.Reason
	}{
		"negative skip":    {documents.Query{Skip: -1}, yunduo.ReasonInvalidRequest},
		"negative limit":   {documents.Query{Limit: -1}, yunduo.ReasonInvalidRequest},
		"unknown operator": {documents.Query{Filter: raw(t, d("$where", "1"))}, yunduo.ReasonUnknownOperator},
	} {
		_, err := db.As(li).Find(t.Context(), "notes", row.query)
		require.Equal(t, row.reason, yunduo.ReasonOf(err), "%s: %v", name, err)
	}
	for _, bad := range []any{nil, bson.A{}, bson.Regex{Pattern: "."}, d("$gt", "")} {
		_, err := db.As(li).Get(t.Context(), "notes", id(bad), nil)
		requireReason(t, yunduo.ReasonInvalidRequest, err)
	}
	_, err := db.As(li).Get(t.Context(), "notes", bson.RawValue{}, nil)
	requireReason(t, yunduo.ReasonInvalidRequest, err)
}

func TestAggregate_Rules(t *testing.T) {
	db := ruled(t, "")
	s := db.As(li)
	require.NoError(t, db.As(owner).CreateCollection(t.Context(), "open"))
	require.NoError(t, db.As(owner).SetRules(t.Context(), "open", "readonly"))
	require.NoError(t, db.As(owner).CreateCollection(t.Context(), "closed"))
	require.NoError(t, db.As(owner).SetRules(t.Context(), "closed", "adminonly"))
	insert(t, db.As(owner), "open", d("_id", 1))
	insert(t, db.As(owner), "closed", d("_id", 1, "secret", true))

	run := func(caller yunduo.Caller, collection string, stages ...bson.D) ([]bson.M, error) {
		cursor, err := db.As(caller).Aggregate(t.Context(), collection, raws(t, stages...))
		if err != nil {
			return nil, err
		}
		rows, err := documents.All(t.Context(), cursor)
		list := []bson.M{}
		for _, row := range rows {
			var m bson.M
			require.NoError(t, bson.Unmarshal(row, &m))
			list = append(list, m)
		}
		return list, err
	}
	rows, err := run(li, "notes", d("$group", d("_id", nil, "all", d("$push", "$_id"))))
	require.NoError(t, err)
	require.Equal(t, []bson.M{{"_id": nil, "all": bson.A{"li"}}}, rows)
	rows, err = run(function, "notes", d("$group", d("_id", nil, "all", d("$push", "$_id"))))
	require.NoError(t, err)
	require.Equal(t, []bson.M{{"_id": nil, "all": bson.A{"li", "nobody", "wang"}}}, rows)

	lookup := func(from string) bson.D {
		return d("$lookup", d("from", from, "pipeline", bson.A{d("$project", d("_id", 1))}, "as", "found"))
	}
	union := d("$unionWith", "notes")
	rows, err = run(li, "open", lookup("notes"))
	require.NoError(t, err)
	require.Equal(t, []bson.M{{"_id": int32(1), "found": bson.A{bson.D{{Key: "_id", Value: "li"}}}}}, rows, "a foreign collection keeps its rules")
	rows, err = run(function, "open", lookup("notes"))
	require.NoError(t, err)
	require.Len(t, rows[0]["found"], 3)
	rows, err = run(li, "notes", lookup("open"))
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Len(t, rows[0]["found"], 1)
	rows, err = run(li, "open", union)
	require.NoError(t, err)
	require.Len(t, rows, 2)

	for name, stage := range map[string]bson.D{
		"lookup":       lookup("closed"),
		"union":        d("$unionWith", "closed"),
		"inner":        d("$lookup", d("from", "open", "pipeline", bson.A{d("$unionWith", "closed")}, "as", "x")),
		"in facet":     d("$facet", d("a", bson.A{lookup("closed")})),
		"graph lookup": d("$graphLookup", d("from", "closed", "startWith", "$_id", "connectFromField", "_id", "connectToField", "_id", "as", "x")),
	} {
		rows, err := run(li, "open", stage)
		reason := yunduo.ReasonOf(err)
		require.Truef(t, reason == yunduo.ReasonPermissionDenied || reason == yunduo.ReasonInvalidPipeline || reason == yunduo.ReasonUnknownOperator, "%s: %v %v", name, err, rows)
	}
	for _, reserved := range []string{"_collections", "system.x"} {
		for _, caller := range []yunduo.Caller{li, function, owner} {
			_, err := run(caller, "open", lookup(reserved))
			requireReason(t, yunduo.ReasonInvalidCollectionName, err)
		}
	}
	_, err = s.Aggregate(t.Context(), "notes", raws(t, d("$out", "open")))
	requireReason(t, yunduo.ReasonUnknownOperator, err)
}
