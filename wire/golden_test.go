package wire_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/wire"
)

// messages are the types that travel, by name. Each has a golden message in testdata, so that a renamed or lost member
// is seen: clients in the field depend on it.
var messages = map[string]reflect.Type{}

func register[T any]() { messages[reflect.TypeFor[T]().Name()] = reflect.TypeFor[T]() }

func TestMain(m *testing.M) {
	register[wire.Tokens]()
	register[wire.RefreshRequest]()
	register[wire.FindUserRequest]()
	register[wire.CreateUserRequest]()
	register[wire.ListUsersRequest]()
	register[wire.ListUsersResponse]()
	register[wire.OperatorLoginRequest]()
	register[wire.OperatorTokens]()
	register[wire.FindRequest]()
	register[wire.DocumentsResponse]()
	register[wire.GetRequest]()
	register[wire.DocumentResponse]()
	register[wire.InsertRequest]()
	register[wire.InsertResponse]()
	register[wire.UpdateRequest]()
	register[wire.UpdateResponse]()
	register[wire.FindAndDeleteRequest]()
	register[wire.FindAndUpdateRequest]()
	register[wire.FindAndUpdateResponse]()
	register[wire.DeleteRequest]()
	register[wire.DeleteResponse]()
	register[wire.CountRequest]()
	register[wire.CountResponse]()
	register[wire.AggregateRequest]()
	register[wire.RenameCollectionRequest]()
	register[wire.UsageResponse]()
	register[wire.ExplainRequest]()
	register[wire.ExplainResponse]()
	register[wire.TransactionRequest]()
	register[wire.TransactionResponse]()
	register[wire.CollectionsResponse]()
	register[wire.RulesRequest]()
	register[wire.CreateIndexRequest]()
	register[wire.AppRulesRequest]()
	register[wire.Routes]()
	register[wire.TestRulesRequest]()
	register[wire.TestRulesResponse]()
	register[wire.IndexesResponse]()
	register[wire.ErrorEnvelope]()
	register[wire.GrantUploadRequest]()
	register[wire.GrantUploadResponse]()
	register[wire.FileURLsRequest]()
	register[wire.FileURLsResponse]()
	register[wire.DeleteFilesRequest]()
	register[wire.DeleteFilesResponse]()
	register[wire.CopyFilesRequest]()
	register[wire.CopyFilesResponse]()
	register[wire.RevokeRequest]()
	register[wire.SendCodeRequest]()
	register[wire.SendCodeResponse]()
	register[wire.SendLinkRequest]()
	register[wire.UseLinkRequest]()
	register[wire.VerifyCodeRequest]()
	register[wire.VerifyCodeResponse]()
	register[wire.SignUpRequest]()
	register[wire.LinkRequest]()
	register[wire.UpdateMeRequest]()
	register[wire.SetPasswordRequest]()
	register[wire.SessionsResponse]()
	register[wire.TicketKey]()
	register[wire.ListFilesRequest]()
	register[wire.ListFilesResponse]()
	register[wire.ReadFileRequest]()
	register[wire.ReadFileResponse]()
	register[wire.InvokeRequest]()
	register[wire.InvokeResponse]()
	register[wire.StartRequest]()
	register[wire.StartedRequest]()
	register[wire.Started]()
	register[wire.TestInvokeRequest]()
	register[wire.TestInvokeResponse]()
	register[wire.FunctionsResponse]()
	register[wire.FunctionVersionsResponse]()
	register[wire.SourceResponse]()
	register[wire.FunctionReport]()
	register[wire.DeployRequest]()
	register[wire.UpdateFunctionRequest]()
	register[wire.AliasRequest]()
	register[wire.CanaryRequest]()
	register[wire.ReleaseRequest]()
	register[wire.ReleasesResponse]()
	register[wire.RollbackReleaseRequest]()
	register[wire.ReleaseDiffRequest]()
	register[wire.ReleaseDiff]()
	register[wire.FunctionDiffRequest]()
	register[wire.FunctionDiff]()
	register[wire.AddTriggersRequest]()
	register[wire.LogsRequest]()
	register[wire.LogsResponse]()
	register[wire.StatsRequest]()
	register[wire.StatsResponse]()
	register[wire.RecordRequest]()
	register[wire.RecordingsResponse]()
	register[wire.App]()
	register[wire.AppRequest]()
	register[wire.AppKeys]()
	register[wire.DeletedAppsResponse]()
	register[wire.TriggersResponse]()
	register[wire.TriggerRequest]()
	register[wire.EnableTriggerRequest]()
	register[wire.FiringsResponse]()
	register[wire.MetricsResponse]()
	register[wire.ServerInfo]()
	register[wire.ImportRequest]()
	register[wire.ImportReport]()
	register[wire.ExportRequest]()
	register[wire.HistoryRequest]()
	register[wire.HistoryResponse]()
	register[wire.RestoreRequest]()
	register[wire.RestoreResponse]()
	register[wire.TrashResponse]()
	register[wire.UndropRequest]()
	register[wire.RestoreAppRequest]()
	register[wire.RestoreAppStatus]()
	register[wire.WatchMessage]()
	register[wire.WatchReady]()
	register[wire.WatchSnapshot]()
	register[wire.WatchChanges]()
	register[wire.WatchPosition]()
	register[wire.WatchError]()
	register[wire.WatchPong]()
	register[wire.RestoreArchiveRequest]()
	register[wire.RestoredArchive]()
	os.Exit(m.Run())
}

func TestGolden_MessagesSurviveUnchanged(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			typ, ok := messages[name]
			require.True(t, ok, "there is no message %s", name)
			seen[name] = true
			golden, err := os.ReadFile(file)
			require.NoError(t, err)
			message := reflect.New(typ)
			decoder := json.NewDecoder(bytes.NewReader(golden))
			decoder.DisallowUnknownFields()
			require.NoError(t, decoder.Decode(message.Interface()))
			requireFilled(t, name, message.Elem())
			encoded, err := json.Marshal(message.Interface())
			require.NoError(t, err)
			require.Equal(t, compact(t, golden), compact(t, encoded))
			if fast, ok := message.Interface().(wire.AppendJSON); ok {
				require.Equal(t, compact(t, golden), compact(t, fast.AppendJSON(nil)))
			}
		})
	}
	for name := range messages {
		require.True(t, seen[name], "testdata/%s.json is missing", name)
	}
}

// requireFilled makes sure that the golden message shows every member, or a member could be renamed unseen.
func requireFilled(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	require.False(t, v.IsZero(), "the golden message leaves %s empty", path)
	switch {
	case v.Kind() == reflect.Pointer:
		requireFilled(t, path, v.Elem())
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		require.NotZero(t, v.Len(), path)
		requireFilled(t, path+"[0]", v.Index(0))
	case v.Kind() == reflect.Struct && v.Type().PkgPath() != "time":
		for i := range v.NumField() {
			requireFilled(t, path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	}
}

func compact(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, text))
	return b.String()
}

func TestErrorsJSON_EveryReasonHasAStatus(t *testing.T) {
	var register []struct {
		Reason    yunduo.Reason
		Code      yunduo.Code
		ErrCode   int
		CloudBase string
		MongoDB   int
		Retryable bool
		Meaning   string
	}
	require.NoError(t, json.Unmarshal(wire.ErrorsJSON, &register))
	seen := map[yunduo.Reason]bool{}
	for _, r := range register {
		require.False(t, seen[r.Reason], "%s is registered twice", r.Reason)
		seen[r.Reason] = true
		require.Equal(t, r.Code, r.Reason.Code())
		require.Equal(t, r.ErrCode, r.Reason.ErrCode())
		require.Equal(t, r.CloudBase, r.Reason.CloudBase())
		require.Equal(t, r.MongoDB, r.Reason.MongoCode())
		require.Equal(t, r.Retryable, r.Reason.Retryable())
		require.Negative(t, r.ErrCode)
		require.NotEmpty(t, r.CloudBase)
		require.NotEmpty(t, r.Meaning)
		status := wire.Status(r.Code)
		require.Equal(t, r.Code == yunduo.CodeInternal, status == http.StatusInternalServerError, "%s has no status of its own", r.Code)
	}
	require.Equal(t, http.StatusInternalServerError, wire.Status("no such code"))
}

func TestNewErrorBody_HidesCauses(t *testing.T) {
	body := wire.NewErrorBody(yunduo.Wrap(os.ErrPermission, yunduo.ReasonStorageFull, "the disk is full"), "r1")
	require.Equal(t, wire.ErrorBody{Code: "unavailable", Reason: "storage_full", Message: "the disk is full", RequestID: "r1", ErrCode: -501001, MongoCode: 14031}, body)
	body = wire.NewErrorBody(os.ErrPermission, "r2")
	require.Equal(t, "internal", body.Reason)
	require.NotContains(t, body.Message, "permission")
}
