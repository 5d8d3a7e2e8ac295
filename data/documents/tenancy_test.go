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

// operations are all that a session can do on the collection "notes" and on its app.
var operations = map[string]func(ctx context.Context, t testing.TB, s *documents.Session) error{
	"Find": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		cursor, err := s.Find(ctx, "notes", documents.Query{})
		if err == nil {
			_, err = documents.All(ctx, cursor)
		}
		return err
	},
	"Get": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		_, err := s.Get(ctx, "notes", id("a"), nil)
		return err
	},
	"Count": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		_, err := s.Count(ctx, "notes", nil)
		return err
	},
	"Aggregate": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		cursor, err := s.Aggregate(ctx, "notes", nil)
		if err == nil {
			_, err = documents.All(ctx, cursor)
		}
		return err
	},
	"Insert": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		_, err := s.Insert(ctx, "notes", []bson.Raw{raw(t, d("n", 1))})
		return err
	},
	"Update": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		_, err := s.Update(ctx, "notes", documents.Update{Change: raw(t, d("$set", d("n", 2)))})
		return err
	},
	"Delete": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		_, err := s.Delete(ctx, "notes", documents.Delete{})
		return err
	},
	"Begin": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		tx, err := s.Begin(ctx)
		if err == nil {
			err = s.Abort(ctx, tx)
		}
		return err
	},
	"Transact": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		return s.Transact(ctx, func(*documents.Session) error { return nil })
	},
}

// definitions are the operations that only privileged callers have.
var definitions = map[string]func(ctx context.Context, t testing.TB, s *documents.Session) error{
	"Collections": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		_, err := s.Collections(ctx)
		return err
	},
	"CreateCollection": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		return s.CreateCollection(ctx, "fresh")
	},
	"CreateIndex": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		return s.CreateIndex(ctx, "notes", driver.Index{Fields: []driver.IndexField{{Path: "n"}}})
	},
	"Indexes": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		_, err := s.Indexes(ctx, "notes")
		return err
	},
	"Rules": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		_, err := s.Rules(ctx, "notes")
		return err
	},
	"Position": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		_, err := s.Position(ctx)
		return err
	},
	"Changes": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		feed, err := s.Changes(ctx, driver.Position{})
		if err == nil {
			err = feed.Close()
		}
		if yunduo.ReasonOf(err) == yunduo.ReasonPositionLost { // it was let in
			err = nil
		}
		return err
	},
	"DropIndex": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		err := s.DropIndex(ctx, "notes", "n_1")
		if yunduo.ReasonOf(err) == yunduo.ReasonIndexNotFound { // it was let in
			err = nil
		}
		return err
	},
	"SetRules": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		return s.SetRules(ctx, "notes", "readonly")
	},
	"DropCollection": func(ctx context.Context, t testing.TB, s *documents.Session) error {
		return s.DropCollection(ctx, "notes")
	},
}

func TestSession_RefusedCallers(t *testing.T) {
	db := shop(t)
	insert(t, db.As(owner), "notes", d("_id", "a", "n", 1))
	refused := map[string]*documents.Session{
		"zero caller":                     db.As(yunduo.Caller{}),
		"no role":                         db.As(yunduo.Caller{App: "shop"}),
		"unknown role":                    db.As(yunduo.Caller{App: "shop", Role: "admin"}),
		"user without identity":           db.As(yunduo.Caller{App: "shop", Role: yunduo.RoleUser}),
		"operator without app":            db.As(operator),
		"owner on the system app":         db.As(yunduo.Caller{App: yunduo.SystemApp, Role: yunduo.RoleOwner}),
		"function on the system app":      db.As(yunduo.Caller{App: yunduo.SystemApp, Role: yunduo.RoleFunction}),
		"user on the system app":          db.As(yunduo.Caller{App: yunduo.SystemApp, Role: yunduo.RoleUser, UserID: "u"}),
		"operator acting on system app":   db.AsApp(operator, yunduo.SystemApp),
		"another app's owner":             db.AsApp(stranger, "shop"),
		"end user acting on own app":      db.AsApp(li, "shop"),
		"function acting on its app":      db.AsApp(function, "shop"),
		"operator acting on no app":       db.AsApp(operator, ""),
		"operator acting on malformed ID": db.AsApp(operator, "../shop"),
	}
	for name, session := range refused {
		for operation, do := range operations {
			err := do(t.Context(), t, session)
			require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(err), "%s: %s: %v", name, operation, err)
		}
		for operation, do := range definitions {
			err := do(t.Context(), t, session)
			require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(err), "%s: %s: %v", name, operation, err)
		}
	}
	require.Equal(t, bson.M{"_id": "a", "n": int32(1)}, stored(t, db, "notes", "a"), "nothing has changed")
}

// The twin of the test above: who may, may.
func TestSession_AdmittedCallers(t *testing.T) {
	for name, as := range map[string]func(*documents.DB) *documents.Session{
		"owner":                  func(db *documents.DB) *documents.Session { return db.As(owner) },
		"operator acting on app": func(db *documents.DB) *documents.Session { return db.AsApp(operator, "shop") },
		"owner acting on app":    func(db *documents.DB) *documents.Session { return db.AsApp(owner, "shop") },
		"platform":               func(db *documents.DB) *documents.Session { return db.As(yunduo.System("shop")) },
	} {
		db := shop(t)
		for operation, do := range operations {
			require.NoError(t, do(t.Context(), t, as(db)), "%s: %s", name, operation)
		}
		for _, operation := range []string{"Collections", "CreateCollection", "CreateIndex", "Indexes", "Rules", "Position", "Changes", "DropIndex", "SetRules", "DropCollection"} {
			require.NoError(t, definitions[operation](t.Context(), t, as(db)), "%s: %s", name, operation)
		}
	}
}

func TestSession_EndUsersDefineNothing(t *testing.T) {
	db := shop(t)
	for _, caller := range []yunduo.Caller{li, guest} {
		for operation, do := range operations {
			require.NoError(t, do(t.Context(), t, db.As(caller)), operation)
		}
		for operation, do := range definitions {
			err := do(t.Context(), t, db.As(caller))
			require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(err), "%s: %v", operation, err)
		}
	}
}

func TestSession_FunctionsSetNoRules(t *testing.T) {
	db := shop(t)
	require.NoError(t, definitions["Rules"](t.Context(), t, db.As(function)))
	requireReason(t, yunduo.ReasonPermissionDenied, definitions["SetRules"](t.Context(), t, db.As(function)))
}

// Two apps have collections and documents of the same names; neither sees or touches the other's.
func TestSession_AppsAreApart(t *testing.T) {
	db := shop(t)
	other := db.As(stranger)
	require.NoError(t, other.CreateCollection(t.Context(), "notes"))
	insert(t, db.As(owner), "notes", d("_id", "a", "who", "shop"))
	insert(t, other, "notes", d("_id", "a", "who", "other"), d("_id", "b", "who", "other"))
	for operation, do := range operations {
		require.NoError(t, do(t.Context(), t, other), operation)
	}
	_, err := other.Delete(t.Context(), "notes", documents.Delete{Multi: true})
	require.NoError(t, err)
	for _, operation := range []string{"SetRules", "CreateIndex", "DropCollection"} {
		require.NoError(t, definitions[operation](t.Context(), t, other), operation)
	}
	require.Equal(t, bson.M{"_id": "a", "who": "shop"}, stored(t, db, "notes", "a"))
	n, err := db.As(owner).Count(t.Context(), "notes", nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	rules, err := db.As(owner).Rules(t.Context(), "notes")
	require.NoError(t, err)
	require.Equal(t, "private", rules)
	indexes, err := db.As(owner).Indexes(t.Context(), "notes")
	require.NoError(t, err)
	require.Empty(t, indexes)
}

func TestDropApp(t *testing.T) {
	db := shop(t)
	require.NoError(t, db.As(stranger).CreateCollection(t.Context(), "notes"))
	require.NoError(t, db.As(owner).SetRules(t.Context(), "notes", "adminonly"))
	tx, err := db.As(owner).Begin(t.Context())
	require.NoError(t, err)

	requireReason(t, yunduo.ReasonPermissionDenied, db.DropApp(t.Context(), stranger, "shop"))
	requireReason(t, yunduo.ReasonPermissionDenied, db.DropApp(t.Context(), li, "shop"))
	requireReason(t, yunduo.ReasonPermissionDenied, db.DropApp(t.Context(), operator, yunduo.SystemApp))
	require.NoError(t, db.DropApp(t.Context(), operator, "shop"))

	requireReason(t, yunduo.ReasonTransactionNotFound, db.As(owner).Commit(t.Context(), tx))
	_, err = db.As(owner).Count(t.Context(), "notes", nil)
	requireReason(t, yunduo.ReasonCollectionNotFound, err)
	_, err = db.As(stranger).Count(t.Context(), "notes", nil)
	require.NoError(t, err)

	require.NoError(t, db.As(owner).CreateCollection(t.Context(), "notes"))
	rules, err := db.As(owner).Rules(t.Context(), "notes")
	require.NoError(t, err)
	require.Equal(t, "private", rules, "old rules do not come back")
}
