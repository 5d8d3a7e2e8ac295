package documents_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

// TestBudget: whatever reads too much of a collection is refused to end users and functions, and not to owners.
func TestBudget(t *testing.T) {
	engine := openEngine(t, t.TempDir())
	db := documents.New(engine, documents.Options{UserExamines: 50, FunctionExamines: 90})
	t.Cleanup(func() { db.Close(); require.NoError(t, engine.Close()) })
	o := db.As(owner)
	for _, name := range []string{"notes", "more"} {
		require.NoError(t, o.CreateCollection(t.Context(), name))
		require.NoError(t, o.SetRules(t.Context(), name, `{"read": true, "write": true}`))
	}
	var docs []bson.D
	for i := range 100 {
		docs = append(docs, d("_id", i, "n", i%10, "x", i, "_openid", "li"))
	}
	insert(t, o, "notes", docs...)
	insert(t, o, "more", docs...)

	read := func(cursor driver.Cursor, err error) error {
		if err != nil {
			return err
		}
		_, err = documents.All(context.Background(), cursor)
		return err
	}
	operations := map[string]func(s *documents.Session) error{
		"find": func(s *documents.Session) error {
			return read(s.Find(t.Context(), "notes", documents.Query{Filter: raw(t, d("x", -1))}))
		},
		"sorted find": func(s *documents.Session) error {
			return read(s.Find(t.Context(), "notes", documents.Query{Sort: raw(t, d("x", -1)), Limit: 1}))
		},
		"count": func(s *documents.Session) error {
			_, err := s.Count(t.Context(), "notes", raw(t, d("x", -1)))
			return err
		},
		"aggregate": func(s *documents.Session) error {
			return read(s.Aggregate(t.Context(), "notes", raws(t, d("$group", d("_id", "$n")))))
		},
		"lookup": func(s *documents.Session) error {
			return read(s.Aggregate(t.Context(), "notes", raws(t, d("$limit", 3), d("$lookup", d("from", "more", "localField", "x", "foreignField", "x", "as", "m")))))
		},
		"update": func(s *documents.Session) error {
			_, err := s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("x", -1)), Change: raw(t, d("$set", d("y", 1)))})
			return err
		},
		"update many": func(s *documents.Session) error {
			_, err := s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("x", -1)), Change: raw(t, d("$set", d("y", 1))), Multi: true})
			return err
		},
		"delete": func(s *documents.Session) error {
			_, err := s.Delete(t.Context(), "notes", documents.Delete{Filter: raw(t, d("x", -1))})
			return err
		},
	}
	for name, operation := range operations {
		t.Run(name, func(t *testing.T) {
			for _, caller := range []yunduo.Caller{li, function} {
				err := operation(db.As(caller))
				requireReason(t, yunduo.ReasonQueryTooExpensive, err)
				require.ErrorContains(t, err, "add an index")
			}
			require.NoError(t, operation(o))
		})
	}
	t.Run("WithAnIndex", func(t *testing.T) {
		for _, name := range []string{"notes", "more"} {
			require.NoError(t, o.CreateIndex(t.Context(), name, driver.Index{Fields: []driver.IndexField{{Path: "x"}}}))
		}
		for name, operation := range operations {
			if name != "aggregate" {
				require.NoError(t, operation(db.As(li)), name)
			}
		}
		require.NoError(t, read(db.As(li).Find(t.Context(), "notes", documents.Query{Limit: 40})))
	})
}

func TestExplain(t *testing.T) {
	db := shop(t)
	o := db.As(owner)
	var docs []bson.D
	for i := range 100 {
		docs = append(docs, d("_id", i, "n", i%10, "x", i))
	}
	insert(t, o, "notes", docs...)
	require.NoError(t, o.CreateIndex(t.Context(), "notes", driver.Index{Fields: []driver.IndexField{{Path: "n"}, {Path: "x", Descending: true}}}))

	stages := func(x driver.Explanation) (list []string) {
		for stage := x.WinningPlan; stage != nil; stage, _ = stage.Lookup("inputStage").DocumentOK() {
			list = append(list, stage.Lookup("stage").StringValue())
		}
		return list
	}
	x, err := db.As(function).ExplainFind(t.Context(), "notes", documents.Query{Filter: raw(t, d("n", 3)), Sort: raw(t, d("x", 1)), Limit: 4})
	require.NoError(t, err)
	require.Equal(t, []string{"LIMIT", "FETCH", "IXSCAN"}, stages(x))
	require.EqualValues(t, 4, x.DocumentsExamined)
	scan := x.WinningPlan.Lookup("inputStage", "inputStage").Document()
	require.Equal(t, "backward", scan.Lookup("direction").StringValue())
	require.Equal(t, "[3, 3]", scan.Lookup("indexBounds", "n", "0").StringValue())

	x, err = o.ExplainFind(t.Context(), "notes", documents.Query{Filter: raw(t, d("x", 3)), Sort: raw(t, d("y", 1))})
	require.NoError(t, err)
	require.Equal(t, []string{"SORT", "COLLSCAN"}, stages(x)[len(stages(x))-2:])

	x, err = o.ExplainCount(t.Context(), "notes", documents.CountQuery{Filter: raw(t, d("n", d("$gte", 8)))})
	require.NoError(t, err)
	require.Equal(t, []string{"COUNT", "COUNT_SCAN"}, stages(x))
	require.EqualValues(t, 20, x.KeysExamined)
	require.Zero(t, x.DocumentsExamined)

	x, err = o.ExplainAggregate(t.Context(), "notes", documents.AggregateQuery{Pipeline: raws(t, d("$match", d("n", 3)), d("$group", d("_id", "$x")))})
	require.NoError(t, err)
	require.Equal(t, []string{"FETCH", "IXSCAN"}, stages(x))
	require.EqualValues(t, 10, x.DocumentsExamined)

	x, err = o.ExplainCount(t.Context(), "notes", documents.CountQuery{Filter: raw(t, d("n", d("$gte", 8))), Hint: id("$natural")})
	require.NoError(t, err)
	require.Equal(t, []string{"COUNT", "COLLSCAN"}, stages(x))
	x, err = o.ExplainAggregate(t.Context(), "notes", documents.AggregateQuery{Pipeline: raws(t, d("$match", d("x", 3))), Hint: id(d("n", 1, "x", -1))})
	require.NoError(t, err)
	require.Equal(t, "n_1_x_-1", x.Index)
	_, err = o.AggregateBy(t.Context(), "notes", documents.AggregateQuery{Pipeline: raws(t, d("$geoNear", d("near", bson.A{0, 0}, "distanceField", "far"))), Hint: id("n_1_x_-1")})
	requireReason(t, yunduo.ReasonInvalidRequest, err)

	_, err = o.ExplainFind(t.Context(), "notes", documents.Query{Hint: id(d("n", 1, "x", 1))})
	requireReason(t, yunduo.ReasonInvalidRequest, err)
	x, err = o.ExplainFind(t.Context(), "notes", documents.Query{Hint: id(d("n", 1, "x", -1)), Limit: 1})
	require.NoError(t, err)
	require.Equal(t, "n_1_x_-1", x.Index)
	_, err = db.As(li).ExplainFind(t.Context(), "notes", documents.Query{})
	requireReason(t, yunduo.ReasonPermissionDenied, err)
}
