package e2e_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/apps"
	client "yunduo/sdk/go"
	"yunduo/server"
)

// The stock Go driver works on an app's documents beside the HTTP API.
func TestMongoListener(t *testing.T) {
	p := start(t, func(c *server.Config) { c.MongoListen = "127.0.0.1:0" })
	w := p.open(t)
	url := p.server.MongoURL(apps.Key{App: w.app, SecretID: w.keys.SecretID, SecretKey: w.keys.SecretKey})
	c, err := mongo.Connect(options.Client().ApplyURI(url))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Disconnect(context.Background())) })
	_, err = c.Database(string(w.app)).Collection("things").InsertOne(t.Context(), bson.D{{Key: "_id", Value: "a"}, {Key: "n", Value: 1}})
	require.NoError(t, err)
	find := "/v1/apps/" + string(w.app) + "/documents/things/find"
	var found struct{ Documents []json.RawMessage }
	require.NoError(t, w.owner().Do(t.Context(), "POST", find, map[string]any{}, &found))
	require.Len(t, found.Documents, 1)
	require.JSONEq(t, `{"_id":"a","n":1}`, string(found.Documents[0]))

	// Other apps stay closed, and a deleted key opens nothing any more.
	neighbour := p.open(t)
	err = c.Database(string(neighbour.app)).Collection("things").FindOne(t.Context(), bson.D{}).Err()
	require.ErrorContains(t, err, "not authorized")
	require.NoError(t, p.server.Rooms().Apps.DeleteKey(t.Context(), yunduo.System(w.app), w.app, w.keys.SecretID))
	require.Error(t, c.Database(string(w.app)).Collection("things").FindOne(t.Context(), bson.D{}).Err())
}

// deployment lets a server keep its documents in something that speaks MongoDB's protocol.
type deployment struct{}

func (deployment) Credential(context.Context, string) (yunduo.Caller, string, error) {
	return yunduo.Caller{Role: yunduo.RoleSystem}, "secret", nil
}

// The whole platform runs on the MongoDB engine, and a second node on the same deployment knows all that the first knew.
func TestServerOnMongoDB(t *testing.T) {
	on := startDeployment(t)
	first := start(t, on)
	w := first.open(t)
	things := "/v1/apps/" + string(w.app) + "/documents/things/"
	require.NoError(t, w.owner().Do(t.Context(), "POST", "/v1/manage/apps/"+string(w.app)+"/collections", map[string]any{"collection": "things"}, nil))
	require.NoError(t, w.owner().Do(t.Context(), "POST", things+"insert", map[string]any{"documents": []any{map[string]any{"_id": "a", "n": 1}, map[string]any{"_id": "b", "n": 2}}}, nil))
	second := start(t, on)
	owner := client.New(second.url, w.app, w.keys.APIKey)
	require.NoError(t, owner.Do(t.Context(), "POST", things+"update", map[string]any{"filter": map[string]any{"_id": "a"}, "update": map[string]any{"$inc": map[string]any{"n": 10}}}, nil))
	var found struct{ Documents []json.RawMessage }
	require.NoError(t, w.owner().Do(t.Context(), "POST", things+"find", map[string]any{"sort": map[string]any{"n": -1}}, &found))
	require.Len(t, found.Documents, 2)
	require.JSONEq(t, `{"_id":"a","n":11}`, string(found.Documents[0]))
	require.NoError(t, first.stop())
	require.NoError(t, owner.Do(t.Context(), "POST", things+"find", map[string]any{"filter": map[string]any{"n": 2}}, &found))
	require.Len(t, found.Documents, 1)
}
