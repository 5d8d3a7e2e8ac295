package mongodb_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

// What this engine cannot do is refused with a sentence, and changes nothing.
func TestPast_Refused(t *testing.T) {
	db := documents.New(open(t), documents.Options{})
	t.Cleanup(db.Close)
	caller := yunduo.Caller{App: "shop", Role: yunduo.RoleOwner}
	s := db.As(caller)
	require.NoError(t, s.CreateCollection(t.Context(), "notes"))
	_, err := s.Insert(t.Context(), "notes", []bson.Raw{marshal(t, bson.D{{Key: "_id", Value: "a"}})})
	require.NoError(t, err)
	require.False(t, db.Retain(func(yunduo.AppID) driver.Retention { return driver.Retention{} }), "apps cannot choose what is kept of their changes")
	for name, try := range map[string]func() error{
		"App":     func() error { return db.RestoreApp(t.Context(), caller, "shop", "shop", time.Now(), nil) },
		"Archive": func() error { return db.LoadApp(t.Context(), caller, "shop", func(driver.Sink) error { return nil }) },
		"Explain": func() error { _, err := s.ExplainCount(t.Context(), "notes", documents.CountQuery{}); return err },
	} {
		t.Run(name, func(t *testing.T) {
			err := try()
			require.Equal(t, yunduo.ReasonUnsupportedCall, yunduo.ReasonOf(err), err)
			require.Contains(t, yunduo.AsError(err).Message, "this server")
		})
	}
	n, err := s.Count(t.Context(), "notes", nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}
