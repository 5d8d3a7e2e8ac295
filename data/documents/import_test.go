package documents_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

func importAll(t testing.TB, s *documents.Session, o documents.ImportOptions, docs ...bson.D) documents.ImportReport {
	t.Helper()
	i, err := s.NewImport(t.Context(), "notes", o)
	require.NoError(t, err)
	for n, doc := range raws(t, docs...) {
		require.NoError(t, i.Add(t.Context(), int64(n+1), doc))
	}
	report, err := i.Finish(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, len(docs), report.Read())
	return report
}

func numbers(report documents.ImportReport) (list []int64) {
	for _, r := range report.Rejections {
		list = append(list, r.Number)
	}
	return list
}

func TestImport_Modes(t *testing.T) {
	for mode, want := range map[documents.ImportMode]struct {
		counts [4]int64
		stored bson.M
	}{
		documents.ImportInsert:  {[4]int64{1, 0, 1, 1}, bson.M{"_id": "a", "x": int32(1), "y": int32(1)}},
		documents.ImportUpsert:  {[4]int64{1, 1, 1, 0}, bson.M{"_id": "a", "x": int32(2), "y": int32(1)}},
		documents.ImportReplace: {[4]int64{1, 1, 1, 0}, bson.M{"_id": "a", "x": int32(2)}},
	} {
		t.Run(string(mode), func(t *testing.T) {
			db := shop(t)
			insert(t, db.As(owner), "notes", d("_id", "a", "x", int32(1), "y", int32(1)), d("_id", "same", "x", int32(1)))
			report := importAll(t, db.As(owner), documents.ImportOptions{Mode: mode},
				d("x", int32(2), "_id", "a"), d("_id", "same", "x", int32(1)), d("_id", "new", "x", int32(3)))
			require.Equal(t, want.counts, [4]int64{report.Inserted, report.Updated, report.Unchanged, report.Rejected})
			require.Equal(t, want.stored, stored(t, db, "notes", "a"))
			require.NotNil(t, stored(t, db, "notes", "new"))
			page, err := db.As(owner).History(t.Context(), "notes", documents.HistoryQuery{ID: id("new")})
			require.NoError(t, err)
			require.Equal(t, "owner", page.Changes[0].Actor)
		})
	}
}

// Bad documents cost nothing but themselves, wherever they are in a batch, and the report says which they were.
func TestImport_RejectsAndGoesOn(t *testing.T) {
	for _, mode := range []documents.ImportMode{documents.ImportInsert, documents.ImportUpsert, documents.ImportReplace} {
		db := shop(t)
		s := db.As(owner)
		require.NoError(t, s.CreateIndex(t.Context(), "notes", driver.Index{Fields: []driver.IndexField{{Path: "u"}}, Unique: true}))
		docs := []bson.D{}
		for n := range 1200 {
			docs = append(docs, d("_id", n, "u", n))
		}
		docs[700] = d("_id", "taken", "u", 3)
		docs[701] = d("_id", bson.A{}, "u", -1)
		docs[702] = d("_id", "op", "u", -2, "$set", 1)
		docs[1199] = d("_id", "large", "u", -3, "text", strings.Repeat("x", documents.DefaultMaxDocument))
		i, err := s.NewImport(t.Context(), "notes", documents.ImportOptions{Mode: mode})
		require.NoError(t, err)
		i.Reject(1, yunduo.Errorf(yunduo.ReasonMalformedJSON, "no JSON"))
		for n, doc := range raws(t, docs...) {
			require.NoError(t, i.Add(t.Context(), int64(n), doc))
		}
		report, err := i.Finish(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, []int64{1, 700, 701, 702, 1199}, numbers(report), mode)
		require.EqualValues(t, 1196, report.Inserted)
		total, err := s.Count(t.Context(), "notes", nil)
		require.NoError(t, err)
		require.EqualValues(t, 1196, total)
	}
}

// The same file a second time adds nothing, also where its documents have no _id.
func TestImport_AgainAddsNothing(t *testing.T) {
	for _, mode := range []documents.ImportMode{documents.ImportInsert, documents.ImportUpsert, documents.ImportReplace} {
		db := shop(t)
		s := db.As(owner)
		o := documents.ImportOptions{Mode: mode, Source: "file 1"}
		docs := []bson.D{d("_id", "a", "x", 1), d("x", 2), d("x", 2), d()}
		cut, err := s.NewImport(t.Context(), "notes", o)
		require.NoError(t, err)
		for n, doc := range raws(t, docs[:2]...) {
			require.NoError(t, cut.Add(t.Context(), int64(n+1), doc))
		}
		_, err = cut.Finish(t.Context())
		require.NoError(t, err)
		report := importAll(t, s, o, docs...)
		require.Equal(t, []int64{2, 2, 0}, []int64{report.Inserted, report.Unchanged, report.Rejected}, mode)
		report = importAll(t, s, o, docs...)
		require.EqualValues(t, 4, report.Unchanged)
		report = importAll(t, s, documents.ImportOptions{Mode: mode, Source: "file 2"}, d("x", 2))
		require.EqualValues(t, 1, report.Inserted)
	}
}

func TestImport_IsTheOwnersAlone(t *testing.T) {
	db := shop(t)
	for _, s := range []*documents.Session{db.As(li), db.As(guest), db.As(function), db.AsApp(stranger, "shop")} {
		_, err := s.NewImport(t.Context(), "notes", documents.ImportOptions{})
		requireReason(t, yunduo.ReasonPermissionDenied, err)
	}
	_, err := db.As(owner).NewImport(t.Context(), "notes", documents.ImportOptions{Mode: "merge"})
	requireReason(t, yunduo.ReasonInvalidRequest, err)
	_, err = db.As(owner).NewImport(t.Context(), "_collections", documents.ImportOptions{})
	requireReason(t, yunduo.ReasonInvalidCollectionName, err)
	_, err = db.AsApp(operator, "shop").NewImport(t.Context(), "fresh", documents.ImportOptions{})
	require.NoError(t, err)
}
