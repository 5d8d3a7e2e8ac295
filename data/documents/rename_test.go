package documents_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
)

// TestRenameCollection: documents, indexes and rules go along; end users may not.
func TestRenameCollection(t *testing.T) {
	db := shop(t)
	o := db.As(owner)
	require.NoError(t, o.SetRules(t.Context(), "notes", `{"read": true, "write": false}`))
	insert(t, o, "notes", d("_id", 1))
	requireReason(t, yunduo.ReasonPermissionDenied, db.As(li).RenameCollection(t.Context(), "notes", "memos"))
	requireReason(t, yunduo.ReasonInvalidCollectionName, o.RenameCollection(t.Context(), "notes", "_hidden"))
	require.NoError(t, o.RenameCollection(t.Context(), "notes", "memos"))
	n, err := db.As(li).Count(t.Context(), "memos", nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	_, err = db.As(li).Insert(t.Context(), "memos", raws(t, d("_id", 2)))
	requireReason(t, yunduo.ReasonPermissionDenied, err)
	_, err = db.As(li).Count(t.Context(), "notes", nil)
	requireReason(t, yunduo.ReasonCollectionNotFound, err)
	require.NoError(t, o.CreateCollection(t.Context(), "notes"))
	n, err = db.As(li).Count(t.Context(), "notes", nil)
	require.NoError(t, err, "a new collection of the old name has the preset again")
	require.Zero(t, n)

	u, err := o.Usage(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, u.Documents, int64(1), "rules are documents, too")
	_, err = db.As(li).Usage(t.Context())
	requireReason(t, yunduo.ReasonPermissionDenied, err)
}
