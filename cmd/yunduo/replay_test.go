package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	client "yunduo/sdk/go"
	"yunduo/wire"
)

const replayed = `const cloud = require('wx-server-sdk')
cloud.init()
exports.main = async event => {
  const { data } = await cloud.database().collection('stock').where({ item: event.item, of: process.env.SHOP_KEY }).get()
  console.log('found', data.length)
  return { left: data[0].left, openid: cloud.getWXContext().OPENID }
}
`

func TestFunctions_RecordAndReplay(t *testing.T) {
	dir := newProject(t)
	source := filepath.Join(dir, "cloudfunctions", "stock", "index.js")
	write(t, source, replayed)
	p, info := startDev(t, dir)
	t.Chdir(dir)
	c := client.New(info.URL, yunduo.AppID(info.App), info.APIKey)
	require.NoError(t, c.CreateCollection(t.Context(), "stock"))
	_, err := c.Insert(t.Context(), "stock", json.RawMessage(`{"item":"tea","left":7,"of":"a-key-of-the-shop"}`))
	require.NoError(t, err)
	require.NoError(t, c.SetVariable(t.Context(), wire.SetVariableRequest{Name: "SHOP_KEY", Value: "a-key-of-the-shop", Secret: true}))
	tokens, err := c.WithToken("").Login(t.Context(), "wechat", map[string]string{"code": "dev:li"})
	require.NoError(t, err)

	text, err := run(t, "functions", "record", "stock")
	require.NoError(t, err)
	require.Contains(t, text, "the next 1 calls of stock")
	_, err = c.WithToken(tokens.AccessToken).Invoke(t.Context(), "stock", json.RawMessage(`{"item":"tea"}`))
	require.NoError(t, err)
	var list []wire.Recording
	require.True(t, eventually(t, func() bool {
		text, err := run(t, "functions", "recordings", "stock", "--json")
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal([]byte(text), &list))
		return len(list) == 1
	}))
	text, err = run(t, "functions", "replay", list[0].ID)
	require.NoError(t, err, text)
	require.Contains(t, text, `"left":7`)
	require.Contains(t, text, `"openid":"li"`)
	require.Contains(t, text, "[stock] found 1")
	require.Contains(t, text, "1 calls of the platform answered from the record")
	file := filepath.Join(t.TempDir(), "call.json")
	_, err = run(t, "functions", "recordings", list[0].ID, "-o", file)
	require.NoError(t, err)
	_, err = c.WithToken(tokens.AccessToken).Invoke(t.Context(), "stock", json.RawMessage(`{"item":"tea"}`))
	require.NoError(t, err)
	require.NoError(t, p.stop())
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(kept), "a-key-of-the-shop")
	require.Contains(t, string(kept), "[secret SHOP_KEY]")

	// The server is gone: the file is enough, and so are the recorded answers.
	text, err = run(t, "functions", "replay", file)
	require.NoError(t, err, text)
	require.Contains(t, text, `"left":7`)

	// The code asks for something else.
	write(t, source, strings.Replace(replayed, "item: event.item,", "item: event.item, shop: 1,", 1))
	text, err = run(t, "functions", "replay", file)
	require.ErrorContains(t, err, "differs from the record")
	require.Contains(t, text, "✗ documents.find asks for something else")
	require.Contains(t, text, "shop")

	// It asks for the same, and makes something else of it.
	write(t, source, strings.Replace(replayed, "left: data[0].left", "left: data[0].left - 1", 1))
	text, err = run(t, "functions", "replay", file)
	require.ErrorContains(t, err, "differs from the record")
	require.Contains(t, text, `"left":6`)
	require.Contains(t, text, "ended otherwise than recorded")

	// It does not ask at all.
	write(t, source, "exports.main = async () => { throw new Error('changed') }\n")
	text, err = run(t, "functions", "replay", file)
	require.ErrorContains(t, err, "differs from the record")
	require.Contains(t, text, "was called when it was recorded, and not now")
	require.Contains(t, text, "failed: function_error: changed")

	require.NoError(t, os.WriteFile(file, []byte("{}"), 0o600))
	_, err = run(t, "functions", "replay", file)
	require.ErrorContains(t, err, "no recorded call")
}

func TestFunctions_ReplayUnderADebugger(t *testing.T) {
	dir := newProject(t)
	source := filepath.Join(dir, "cloudfunctions", "plain", "index.js")
	write(t, source, "exports.main = async event => {\n  const twice = event.n * 2\n  return twice\n}\n")
	write(t, filepath.Join(dir, "yunduo.yaml"), "functions:\n  plain: {unbundled: true}\n")
	file := filepath.Join(t.TempDir(), "call.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"format":1,"app":"shop","function":"plain","functionVersion":3,"startedAt":"2026-11-27T08:00:00Z","source":"client","event":{"n":21},"calls":[],"result":42}`), 0o600))
	t.Chdir(dir)
	in, enter, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	root, out, done := rootCommand("en"), &output{}, make(chan error, 1)
	root.SetArgs([]string{"functions", "replay", file, "--inspect=0"})
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(out)
	go func() { done <- root.ExecuteContext(t.Context()) }()
	out.waitFor(t, "press Enter", 1)
	text := out.String()
	_, rest, _ := strings.Cut(text, "ws://")
	address, _, _ := strings.Cut(rest, ";")
	d := attach(t, "ws://"+address)
	d.send("Debugger.setBreakpointByUrl", map[string]any{"url": fileURL(source), "lineNumber": 2}, nil)
	_, err = enter.WriteString("\n")
	require.NoError(t, err)
	paused := await(d, "Debugger.paused", func(standing) bool { return true })
	require.Equal(t, "42", d.evaluate(paused, "twice"))
	d.tell("Debugger.resume", nil)
	require.NoError(t, <-done, out)
	require.Contains(t, out.String(), "it ended as recorded")
}
