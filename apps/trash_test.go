package apps_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/apps"
	"yunduo/data/documents"
)

const week = 7 * 24 * time.Hour

// openTrash returns a register that keeps deleted apps for a week of a clock that the test moves.
func openTrash(t *testing.T) (server, *time.Time) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	s := startWith(t, t.TempDir(), apps.Options{
		Key: bytes.Repeat([]byte{7}, 32), Now: func() time.Time { return now }, TrashAge: week,
		ChangeLog: apps.ChangeLog{Age: 24 * time.Hour, Bytes: 1 << 30},
	})
	t.Cleanup(s.close)
	return s, &now
}

func TestTrash_DeletedAppComesBackAsItWas(t *testing.T) {
	s, now := openTrash(t)
	create(t, s, "shop", "other")
	name := "Laden"
	_, err := s.Update(t.Context(), operator, "shop", apps.Change{Name: &name})
	require.NoError(t, err)
	key, err := s.CreateKey(t.Context(), operator, "shop")
	require.NoError(t, err)
	notes := s.db.As(owner)
	note, err := bson.Marshal(bson.D{{Key: "_id", Value: "a"}})
	require.NoError(t, err)
	require.NoError(t, notes.CreateCollection(t.Context(), "notes"))
	_, err = notes.Insert(t.Context(), "notes", []bson.Raw{note})
	require.NoError(t, err)
	ended := make(chan struct{}, 1)
	watch, err := notes.Watch(t.Context(), "notes", documents.WatchQuery{}, func() {
		select {
		case ended <- struct{}{}:
		default:
		}
	})
	require.NoError(t, err)
	s.OnDelete(func(context.Context, yunduo.AppID) error { return errors.New("nothing is to be dropped") })

	require.NoError(t, s.Delete(t.Context(), operator, "shop"))
	for err = nil; err == nil; {
		var events []*documents.WatchEvent
		if events, err = watch.Take(); err == nil && len(events) == 0 {
			<-ended
		}
	}
	requireReason(t, yunduo.ReasonAppNotFound, err)
	requireReason(t, yunduo.ReasonAppNotFound, s.Exists(t.Context(), "shop"))
	requireReason(t, yunduo.ReasonAppNotFound, s.Delete(t.Context(), operator, "shop"))
	_, err = s.VerifyAPIKey(t.Context(), key.APIKey)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	_, err = s.Create(t.Context(), operator, apps.App{ID: "shop"})
	requireReason(t, yunduo.ReasonAppExists, err)
	*now = now.Add(week - time.Minute)
	require.NoError(t, s.Sweep(t.Context()), "its time has not come")
	list, err := s.Deleted(t.Context(), operator)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, yunduo.AppID("shop"), list[0].ID)
	require.Equal(t, now.Add(time.Minute), list[0].Until.UTC())

	back, err := s.Restore(t.Context(), operator, "shop")
	require.NoError(t, err)
	require.Equal(t, "Laden", back.Name)
	app, err := s.VerifyAPIKey(t.Context(), key.APIKey)
	require.NoError(t, err)
	require.Equal(t, yunduo.AppID("shop"), app)
	found, err := notes.Get(t.Context(), "notes", value("a"), nil)
	require.NoError(t, err)
	require.NotNil(t, found)
	again, err := notes.Watch(t.Context(), "notes", documents.WatchQuery{}, func() {})
	require.NoError(t, err)
	again.Close()
	_, err = s.Restore(t.Context(), operator, "shop")
	requireReason(t, yunduo.ReasonAppNotFound, err)
	requireReason(t, yunduo.ReasonAppNotFound, s.Purge(t.Context(), operator, "shop"))
	*now = now.Add(week)
	require.NoError(t, s.Sweep(t.Context()))
	require.NoError(t, s.Exists(t.Context(), "shop"), "nothing of before is swept")
}

func TestTrash_EmptiedInTimeOrWhenAsked(t *testing.T) {
	s, now := openTrash(t)
	create(t, s, "shop", "other")
	for _, app := range []yunduo.Caller{owner, other} {
		require.NoError(t, s.db.As(app).CreateCollection(t.Context(), "notes"))
	}
	var fail error
	var dropped []yunduo.AppID
	s.OnDelete(func(_ context.Context, app yunduo.AppID) error {
		dropped = append(dropped, app)
		return fail
	})
	require.NoError(t, s.Delete(t.Context(), operator, "shop"))
	*now = now.Add(time.Hour)
	require.NoError(t, s.Delete(t.Context(), operator, "other"))
	*now = now.Add(week - time.Hour)
	fail = errors.New("not now")
	require.ErrorIs(t, s.Sweep(t.Context()), fail)
	_, err := s.Restore(t.Context(), operator, "shop")
	requireReason(t, yunduo.ReasonAppNotFound, err)
	fail = nil
	require.NoError(t, s.Sweep(t.Context()))
	require.Equal(t, []yunduo.AppID{"shop", "shop"}, dropped)
	require.NoError(t, s.Purge(t.Context(), operator, "other"))
	require.Equal(t, []yunduo.AppID{"shop", "shop", "other"}, dropped)
	for _, app := range []yunduo.Caller{owner, other} {
		list, err := s.db.As(app).Collections(t.Context())
		require.NoError(t, err)
		require.Empty(t, list)
	}
	list, err := s.Deleted(t.Context(), operator)
	require.NoError(t, err)
	require.Empty(t, list)
	create(t, s, "shop")
}

func TestTrash_IsForOperators(t *testing.T) {
	s, _ := openTrash(t)
	create(t, s, "shop")
	require.NoError(t, s.Delete(t.Context(), operator, "shop"))
	for _, caller := range []yunduo.Caller{owner, other, function, user} {
		_, err := s.Deleted(t.Context(), caller)
		requireReason(t, yunduo.ReasonPermissionDenied, err)
		_, err = s.Restore(t.Context(), caller, "shop")
		requireReason(t, yunduo.ReasonPermissionDenied, err)
		requireReason(t, yunduo.ReasonPermissionDenied, s.Purge(t.Context(), caller, "shop"))
	}
}

func TestChangeLog_OwnersStayWithinTheServers(t *testing.T) {
	s, _ := openTrash(t)
	create(t, s, "shop")
	for _, test := range []struct {
		caller yunduo.Caller
		log    apps.ChangeLog
		reason yunduo.Reason
	}{
		{owner, apps.ChangeLog{Age: time.Hour, Bytes: 1 << 20}, ""},
		{owner, apps.ChangeLog{}, ""},
		{owner, apps.ChangeLog{Age: 25 * time.Hour}, yunduo.ReasonPermissionDenied},
		{owner, apps.ChangeLog{Bytes: 1<<30 + 1}, yunduo.ReasonPermissionDenied},
		{other, apps.ChangeLog{Age: time.Hour}, yunduo.ReasonPermissionDenied},
		{operator, apps.ChangeLog{Age: time.Second}, yunduo.ReasonInvalidRequest},
		{operator, apps.ChangeLog{Age: -1}, yunduo.ReasonInvalidRequest},
		{operator, apps.ChangeLog{Bytes: 1}, yunduo.ReasonInvalidRequest},
		{operator, apps.ChangeLog{Age: 90 * 24 * time.Hour, Bytes: 1 << 40}, ""},
	} {
		app, err := s.Update(t.Context(), test.caller, "shop", apps.Change{ChangeLog: &test.log})
		if test.reason != "" {
			requireReason(t, test.reason, err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, test.log, app.ChangeLog)
	}
	name := "Laden"
	app, err := s.Update(t.Context(), owner, "shop", apps.Change{Name: &name, ChangeLog: &apps.ChangeLog{Age: 90 * 24 * time.Hour, Bytes: 1 << 40}})
	require.NoError(t, err, "what an operator allowed may stay")
	require.Equal(t, apps.ChangeLog{Age: 90 * 24 * time.Hour, Bytes: 1 << 40}, app.ChangeLog)
}
