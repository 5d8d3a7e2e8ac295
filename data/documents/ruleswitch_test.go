package documents_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

const (
	switchedOpen   = `{"read":true,"write":false}`
	switchedClosed = "adminonly"
)

func TestSwitchRules_WithTheTransaction(t *testing.T) {
	db := open(t)
	o := db.As(owner)
	for _, name := range []string{"notes", "tags.of.it"} {
		require.NoError(t, o.CreateCollection(t.Context(), name))
	}
	type plain struct {
		ID string `bson:"_id"`
		N  int    `bson:"n"`
	}
	records := documents.NewRecords[plain](db, "plain", documents.RecordOptions{})
	require.NoError(t, records.Prepare(t.Context()))
	texts := map[string]string{"notes": switchedOpen, "tags.of.it": switchedClosed}
	failure := errors.New("no")
	err := db.SwitchRules(t.Context(), owner.App, texts, func(s *documents.Session) error {
		require.NoError(t, records.Within(s).Put(t.Context(), "one", plain{N: 1}))
		return failure
	})
	require.ErrorIs(t, err, failure)
	rule, err := o.Rules(t.Context(), "notes")
	require.NoError(t, err)
	require.Equal(t, "private", rule)
	_, err = records.Get(t.Context(), "one")
	requireReason(t, yunduo.ReasonDocumentNotFound, err)

	require.NoError(t, db.SwitchRules(t.Context(), owner.App, texts, func(s *documents.Session) error {
		return records.Within(s).Put(t.Context(), "one", plain{N: 1})
	}))
	for name, text := range texts {
		rule, err := o.Rules(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, text, rule)
	}
	one, err := records.Get(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, 1, one.N)
	requireReason(t, yunduo.ReasonInvalidRules, db.SwitchRules(t.Context(), owner.App, map[string]string{"notes": "{"}, func(*documents.Session) error { panic("nothing is begun") }))
}

// cutSwitch is what a crash leaves of a switch between its commit and its end.
func cutSwitch(ctx context.Context, t testing.TB, db *documents.DB, collection, text string) {
	t.Helper()
	type left struct {
		ID    string `bson:"_id"`
		Rules []bson.M
	}
	records := documents.NewRecords[left](db, "rule_switches", documents.RecordOptions{})
	require.NoError(t, records.Put(ctx, string(owner.App), left{Rules: []bson.M{{"collection": collection, "rules": text}}}))
}

func TestSwitchRules_CutOff(t *testing.T) {
	for name, after := range map[string]struct {
		do   func(t *testing.T, db *documents.DB)
		want string
	}{
		"read":     {func(*testing.T, *documents.DB) {}, switchedOpen},
		"finished": {func(t *testing.T, db *documents.DB) { require.NoError(t, db.FinishSwitches(t.Context())) }, switchedOpen},
		"set by hand": {func(t *testing.T, db *documents.DB) {
			require.NoError(t, db.As(owner).SetRules(t.Context(), "notes", switchedClosed))
			require.NoError(t, db.FinishSwitches(t.Context()))
		}, switchedClosed},
		"switched again": {func(t *testing.T, db *documents.DB) {
			require.NoError(t, db.SwitchRules(t.Context(), owner.App, map[string]string{"notes": switchedClosed}, func(*documents.Session) error { return nil }))
		}, switchedClosed},
		"dropped and made": {func(t *testing.T, db *documents.DB) {
			require.NoError(t, db.As(owner).DropCollection(t.Context(), "notes"))
			require.NoError(t, db.As(owner).CreateCollection(t.Context(), "notes"))
			require.NoError(t, db.FinishSwitches(t.Context()))
		}, "private"},
		"forgotten": {func(t *testing.T, db *documents.DB) {
			require.NoError(t, db.ForgetSwitch(t.Context(), owner.App))
		}, "private"},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			require.NoError(t, db.As(owner).CreateCollection(t.Context(), "notes"))
			cutSwitch(t.Context(), t, db, "notes", switchedOpen)
			after.do(t, db)
			rule, err := db.As(owner).Rules(t.Context(), "notes")
			require.NoError(t, err)
			require.Equal(t, after.want, rule)
		})
	}
}
