package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
)

var tapeKey = bytes.Repeat([]byte{7}, 32)

const tells = `
const cloud = require('wx-server-sdk')
exports.main = async event => {
  const inner = (await cloud.call('functions.invoke', { name: 'inner', data: { n: event.n, password: 'hunter2' } })).response.result
  await cloud.call('no.such', {}).catch(() => {})
  return { inner, sessionToken: 't0p' }
}`

func TestTape(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir, functions.Options{TapeKey: tapeKey})
	h.deploy(t, "outer", tells)
	h.deploy(t, "inner", "exports.main = async event => ({ n: event.n, apiKey: 'k-4711' })")
	call := func(o functions.InvokeOptions, caller yunduo.Caller) functions.Result {
		result, err := h.Invoke(t.Context(), caller, app, "outer", json.RawMessage(`{"n":12345678901234567890,"token":"secret-of-the-event"}`), o)
		require.NoError(t, err)
		return result
	}
	list := func() []functions.TapeInfo {
		found, err := h.Tapes(t.Context(), owner, app, "outer")
		require.NoError(t, err)
		return found
	}
	call(functions.InvokeOptions{}, user)
	require.NoError(t, h.Record(t.Context(), owner, app, "outer", 2))
	first := call(functions.InvokeOptions{}, user)
	call(functions.InvokeOptions{}, user)
	call(functions.InvokeOptions{}, user)
	eventually(t, "two are kept, as wished", func() bool { return len(list()) == 2 })
	one := call(functions.InvokeOptions{Record: true}, owner)
	eventually(t, "and one that asked for it", func() bool { return len(list()) == 3 })
	require.Equal(t, one.InvocationID, list()[0].ID)
	require.NoError(t, h.Record(t.Context(), owner, app, "outer", 5))
	require.NoError(t, h.Record(t.Context(), owner, app, "outer", 0))
	call(functions.InvokeOptions{}, user)

	tape, err := h.Tape(t.Context(), owner, app, first.InvocationID)
	require.NoError(t, err)
	require.Equal(t, "o-li", tape.Caller.OpenID)
	require.Equal(t, "client", tape.Source)
	require.JSONEq(t, `{"n":12345678901234567890,"token":"[redacted]"}`, string(tape.Event))
	require.Contains(t, string(tape.Event), "12345678901234567890", "digits stay as they are")
	require.Len(t, tape.Calls, 2)
	require.Equal(t, "functions.invoke", tape.Calls[0].Operation)
	require.Contains(t, string(tape.Calls[0].Request), `"password":"[redacted]"`)
	require.Contains(t, string(tape.Calls[0].Response), `"apiKey":"[redacted]"`)
	require.Equal(t, yunduo.ReasonUnknownOperation, tape.Calls[1].Error.Reason)
	require.Contains(t, string(tape.Result), `"sessionToken":"[redacted]"`)

	for name, caller := range map[string]yunduo.Caller{"nobody": {}, "a user": user, "code": {App: app, Role: yunduo.RoleFunction}, "another owner": {App: "other", Role: yunduo.RoleOwner}} {
		_, read := h.Tape(t.Context(), caller, app, first.InvocationID)
		_, listed := h.Tapes(t.Context(), caller, app, "")
		_, made := h.Invoke(t.Context(), caller, app, "outer", nil, functions.InvokeOptions{Record: true})
		for _, err := range []error{read, listed, made, h.Record(t.Context(), caller, app, "outer", 1)} {
			require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(err), name)
		}
	}
	_, err = h.Tape(t.Context(), operator, "other", first.InvocationID)
	refused(t, yunduo.ReasonInvocationNotFound, err)
	refused(t, yunduo.ReasonInvalidRequest, h.Record(t.Context(), owner, app, "outer", 101), "calls")
	refused(t, yunduo.ReasonFunctionNotFound, h.Record(t.Context(), owner, app, "nobody", 1))

	h.close()
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "documents"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		require.NotContains(t, string(text), "secret-of-the-event")
		require.NotContains(t, string(text), `"format":1`, "what is kept is sealed")
		return err
	}))
	h = open(t, dir, functions.Options{TapeKey: tapeKey})
	again, err := h.Tape(t.Context(), owner, app, first.InvocationID)
	require.NoError(t, err)
	require.Equal(t, tape, again, "it outlives a restart")
	require.NoError(t, h.DropApp(t.Context(), owner, app))
	require.Empty(t, list())
}

// A secret that code hands to the platform, is told by it, fails with or returns is in no record of the call, wherever it
// stands; a variable that is no secret is.
func TestTape_HidesSecrets(t *testing.T) {
	const secret, page, pin = "tr3asure-\"4713\"", "plain-4714", "8305171923"
	h := open(t, t.TempDir(), functions.Options{TapeKey: tapeKey, Environment: func(context.Context, yunduo.AppID, string) (map[string]string, map[string]bool, error) {
		return map[string]string{"KEY": secret, "PIN": pin, "PAGE": page, "SHORT": "qz"}, map[string]bool{"KEY": true, "PIN": true, "SHORT": true}, nil
	}})
	h.deploy(t, "echo", "exports.main = async event => { if (event.fail) throw new Error(event.value); return event }")
	h.deploy(t, "outer", `
		const cloud = require('wx-server-sdk')
		exports.main = async event => {
		  const { KEY, PIN, PAGE } = process.env
		  const call = data => cloud.call('functions.invoke', { name: 'echo', data }).catch(() => {})
		  await call({ value: 'Bearer ' + KEY, page: PAGE, ['by ' + KEY]: [{ deep: KEY }], number: Number(PIN) })
		  await call({ fail: true, value: KEY })
		  await cloud.call(KEY, { name: KEY }).catch(() => {})
		  if (event.fail) throw new Error('wrong ' + KEY)
		  return { key: KEY, page: PAGE }
		}`)
	for _, event := range []string{`{}`, `{"fail":true}`, `{"sent":"8305171923 by the caller"}`} {
		result, _ := h.Invoke(t.Context(), owner, app, "outer", json.RawMessage(event), functions.InvokeOptions{Record: true})
		var tape functions.Tape
		eventually(t, "it is kept", func() bool {
			var err error
			tape, err = h.Tape(t.Context(), owner, app, result.InvocationID)
			return err == nil
		})
		require.Len(t, tape.Calls, 3)
		require.Equal(t, map[string]string{"KEY": "[secret KEY]", "PIN": "[secret PIN]", "SHORT": "[secret SHORT]", "PAGE": page}, tape.Env)
		text, err := json.Marshal(tape)
		require.NoError(t, err)
		trace, err := json.Marshal(h.find(t, result.InvocationID).Trace)
		require.NoError(t, err)
		require.NotContains(t, string(text)+string(trace), "tr3asure")
		require.NotContains(t, string(text), pin)
		require.Contains(t, string(text), "Bearer [secret KEY]")
		require.Contains(t, string(text), page, "what is no secret stays")
	}
}

func TestTape_Bounded(t *testing.T) {
	h := open(t, t.TempDir(), functions.Options{TapeKey: tapeKey})
	h.deploy(t, "inner", "exports.main = async () => 'x'.repeat(1 << 20)")
	h.deploy(t, "outer", "const cloud = require('wx-server-sdk'); exports.main = async () => { for (let i = 0; i < 9; i++) await cloud.call('functions.invoke', { name: 'inner' }) }")
	result, err := h.Invoke(t.Context(), owner, app, "outer", nil, functions.InvokeOptions{Record: true})
	require.NoError(t, err)
	eventually(t, "it is kept", func() bool {
		tape, err := h.Tape(t.Context(), owner, app, result.InvocationID)
		return err == nil && tape.Truncated && len(tape.Calls) == 3
	})
}

func TestTape_NeedsAKey(t *testing.T) {
	h := start(t)
	h.deploy(t, "f", returning("x"))
	refused(t, yunduo.ReasonUnsupportedCall, h.Record(t.Context(), owner, app, "f", 1), "key")
	_, err := h.Invoke(t.Context(), owner, app, "f", nil, functions.InvokeOptions{Record: true})
	refused(t, yunduo.ReasonUnsupportedCall, err, "key")
}

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1,"Password":"x","list":[{"refresh_token":{"deep":1}}]}`: `{"Password":"[redacted]","a":1,"list":[{"refresh_token":"[redacted]"}]}`,
		`[1.10,"token"]`: `[1.10,"token"]`,
		`{"X-Api-Key":"k","Set-Cookie":["c"],"authorization":"b","monkey":"m"}`: `{"Set-Cookie":"[redacted]","X-Api-Key":"[redacted]","authorization":"[redacted]","monkey":"m"}`,
		`{`:   `null`,
		`"云"`: `"云"`,
	} {
		require.Equal(t, want, string(functions.Redact(json.RawMessage(text))))
	}
	require.Nil(t, functions.Redact(nil))
	deep := strings.Repeat("[", 20000)
	require.Equal(t, "null", string(functions.Redact(json.RawMessage(deep))))
}
