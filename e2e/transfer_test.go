package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/wire"
)

// Files of an app come and go by its owner's hand alone; each refusal has a twin by the owner.
func TestTransfer_IsTheOwnersAlone(t *testing.T) {
	w, other := shared.open(t), shared.open(t)
	w.user(t, "li")
	w.tokens["stranger"] = other.keys.APIKey
	manage := "/v1/manage/apps/{app}"
	var archive bytes.Buffer
	require.NoError(t, w.owner().CreateCollection(t.Context(), "kept"))
	w.insert(t, "li", "kept", `{"_id":"k1","text":"secret of li"}`)
	require.NoError(t, w.owner().Export(t.Context(), wire.ExportRequest{}, &archive))
	for _, e := range []exchange{
		{name: "import", path: manage + "/collections/notes/import?format=jsonl", body: `{"_id":"n1"}` + "\n", want: []string{`"inserted":1`}},
		{name: "import archive", path: manage + "/import", body: archive.String(), want: []string{`"unchanged":1`}},
		{name: "export", path: manage + "/collections/kept/export", body: `{}`, want: []string{`"text":"secret of li"`}, headers: map[string]string{"Content-Disposition": "attachment; filename=kept.jsonl", "Content-Type": "application/octet-stream"}},
		{name: "export csv", path: manage + "/collections/kept/export", body: `{"format":"csv","fields":["_id","text"]}`, want: []string{"_id,text\nk1,secret of li\n"}},
		{name: "export archive", path: manage + "/export", body: `{}`, want: []string{"secret of li"}},
	} {
		t.Run(e.name, func(t *testing.T) {
			refused := e
			refused.want, refused.headers, refused.forbid = nil, nil, []string{"secret of li"}
			refused.as, refused.status, refused.reason = "", 401, yunduo.ReasonTokenMissing
			w.check(t, refused)
			refused.as, refused.status, refused.reason = "li", 403, yunduo.ReasonPermissionDenied
			w.check(t, refused)
			refused.as, refused.status, refused.reason = "stranger", 401, yunduo.ReasonTokenInvalid
			w.check(t, refused)
			e.as = "owner"
			w.check(t, e)
		})
	}
	w.run(t, []exchange{
		{name: "unknown format", path: manage + "/collections/notes/import?format=xlsx", as: "owner", body: `x`, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "unknown mode", path: manage + "/collections/notes/import?format=json&mode=merge", as: "owner", body: `{}`, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "archive into a collection", path: manage + "/collections/notes/import?format=archive", as: "owner", body: archive.String(), status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "lines into the app", path: manage + "/import?format=jsonl", as: "owner", body: `{}`, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "the platform's collection", path: manage + "/collections/_collections/import?format=json", as: "owner", body: `{}`, status: 400, reason: yunduo.ReasonInvalidCollectionName},
		{name: "export what there is not", path: manage + "/collections/nothing/export", as: "owner", body: `{}`, status: 404, reason: yunduo.ReasonCollectionNotFound},
		{name: "export the platform's collection", path: manage + "/collections/_collections/export", as: "owner", body: `{}`, status: 400, reason: yunduo.ReasonInvalidCollectionName},
		{name: "export as nothing known", path: manage + "/collections/kept/export", as: "owner", body: `{"format":"xlsx"}`, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "a file that breaks off", path: manage + "/collections/notes/import?format=json", as: "owner", body: `[{"_id":"n2"},{"_id"`, want: []string{`"inserted":1`, `"error":{`, "the object does not end"}},
	})
}

// slowFile is a file of many lines that is sent until the server dies.
type slowFile struct {
	lines int
	next  int
	after map[int]func() // called before a line is sent
	rest  []byte
}

func (f *slowFile) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		if f.next == f.lines {
			return 0, io.EOF
		}
		if call := f.after[f.next]; call != nil {
			call()
		}
		f.rest = fmt.Appendf(nil, "{\"n\":%d,\"text\":%q}\n", f.next, strings.Repeat("x", 200))
		f.next++
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// An import whose server is killed in its midst goes on when it is begun again: nothing twice, nothing lost.
func TestImport_GoesOnAfterAKill(t *testing.T) {
	const lines = 16_000
	dir := t.TempDir()
	c := startChild(t, dir)
	request := wire.ImportRequest{Collection: "items", Format: "jsonl", Source: "the file"}
	for _, at := range []int{7_000, 12_000} {
		killed := func() {
			require.Eventually(t, func() bool {
				n, err := c.client.Count(t.Context(), "items", nil)
				return err == nil && n > 0
			}, 30*time.Second, 20*time.Millisecond, "nothing of it arrives")
			c.kill(t)
		}
		_, err := c.client.Import(context.Background(), request, &slowFile{lines: lines, after: map[int]func(){at: killed}})
		require.Error(t, err)
		c = startChild(t, dir)
	}
	some, err := c.client.Count(t.Context(), "items", nil)
	require.NoError(t, err)
	require.Positive(t, some)
	require.Less(t, some, int64(lines))
	report, err := c.client.Import(t.Context(), request, &slowFile{lines: lines})
	require.NoError(t, err)
	require.EqualValues(t, some, report.Unchanged)
	require.EqualValues(t, lines, report.Unchanged+report.Inserted)
	total, err := c.client.Count(t.Context(), "items", nil)
	require.NoError(t, err)
	require.EqualValues(t, lines, total)
	c.kill(t)
}

// broken is where a client stops to read.
type broken struct{ left int }

func (b *broken) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errors.New("the disk is full")
	}
	return len(p), nil
}

func TestExport_EndsWithItsClient(t *testing.T) {
	w := shared.open(t)
	request := wire.ImportRequest{Collection: "items", Format: "jsonl"}
	report, err := w.owner().Import(t.Context(), request, &slowFile{lines: 20_000})
	require.NoError(t, err)
	require.EqualValues(t, 20_000, report.Inserted)
	require.Error(t, w.owner().Export(t.Context(), wire.ExportRequest{Collection: "items"}, &broken{left: 100_000}))
	var whole bytes.Buffer
	require.NoError(t, w.owner().Export(t.Context(), wire.ExportRequest{Collection: "items", Format: "json"}, &whole))
	var docs []json.RawMessage
	require.NoError(t, json.Unmarshal(whole.Bytes(), &docs))
	require.Len(t, docs, 20_000)
}
