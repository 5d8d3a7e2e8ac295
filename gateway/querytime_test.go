package gateway

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/api"
	"yunduo/apps"
)

// Owners' queries end after the server's limit or their own, and say so with MongoDB's number; writes are not cut off by
// the server.
func TestQueryTime(t *testing.T) {
	owner := yunduo.Caller{App: "shop", Role: yunduo.RoleOwner}
	var table *api.API
	with := func(limit time.Duration) {
		_, _ = open(t, func(o *Options) {
			table = api.New(o.Rooms, api.Info{QueryTime: limit}, slog.New(slog.DiscardHandler))
			_, err := o.Rooms.Apps.Create(t.Context(), yunduo.Caller{Role: yunduo.RoleSystem}, apps.App{ID: "shop", Name: "Shop"})
			require.NoError(t, err)
		})
	}
	do := func(operation, request string) error {
		_, err := table.Do(t.Context(), operation, &api.Call{Caller: owner, App: "shop", Request: json.RawMessage(request)})
		return err
	}
	ended := func(err error) {
		t.Helper()
		require.Equal(t, yunduo.ReasonTimeout, yunduo.ReasonOf(err), "%v", err)
		require.Equal(t, 50, yunduo.AsError(err).MongoCode())
	}
	with(time.Nanosecond)
	require.NoError(t, do("collections.create", `{"collection":"c"}`))
	require.NoError(t, do("documents.insert", `{"collection":"c","documents":[{"_id":1,"n":1},{"_id":2,"n":2}]}`))
	ended(do("documents.find", `{"collection":"c"}`))
	ended(do("documents.find", `{"collection":"c","maxTimeMS":60000}`))
	ended(do("documents.count", `{"collection":"c","filter":{"n":1}}`))
	ended(do("documents.aggregate", `{"collection":"c","pipeline":[]}`))
	require.NoError(t, do("documents.update", `{"collection":"c","filter":{},"update":{"$set":{"a":1}},"multi":true}`))

	with(0)
	require.NoError(t, do("collections.create", `{"collection":"c"}`))
	require.NoError(t, do("documents.insert", `{"collection":"c","documents":[{"_id":1},{"_id":2}]}`))
	require.NoError(t, do("documents.find", `{"collection":"c"}`))
	slow := `{"$expr":{"$gt":[{"$reduce":{"input":{"$range":[0,3000000]},"initialValue":0,"in":{"$add":["$$value",1]}}},-1]}}`
	ended(do("documents.find", `{"collection":"c","maxTimeMS":1,"filter":`+slow+`}`))
	ended(do("documents.delete", `{"collection":"c","multi":true,"maxTimeMS":1,"filter":`+slow+`}`))
	for _, wrong := range []string{"-1", "99999999999"} {
		require.Equal(t, yunduo.ReasonInvalidRequest, yunduo.ReasonOf(do("documents.find", `{"collection":"c","maxTimeMS":`+wrong+`}`)))
	}
}
