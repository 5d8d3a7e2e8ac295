package main

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"yunduo"
	"yunduo/functions"
	"yunduo/functions/runtime"
)

var exchangeTexts = struct{ reply, unkept, none, status, header, body, uncompared text }{
	reply:      text{"reply: %d %s %s", "响应：%d %s %s"},
	unkept:     text{"the exchange cannot be made again: %s", "无法重放该 HTTP 请求：%s"},
	none:       text{"✗ there was a reply when it was recorded: %t; now: %t", "✗ 录制时有响应：%t；现在：%t"},
	status:     text{"✗ the reply's status differs: recorded %d, now %d", "✗ 响应状态码不同：录制 %d，现在 %d"},
	header:     text{"✗ the reply's header %s differs\n    recorded %q\n    now      %q", "✗ 响应头 %s 不同\n    录制 %q\n    现在 %q"},
	body:       text{"✗ the reply's body differs\n    recorded %s\n    now      %s", "✗ 响应体不同\n    录制 %s\n    现在 %s"},
	uncompared: text{"the recorded body of the reply is not kept, and not compared: %s", "录制中没有响应体，不作比较：%s"},
}

// exchange makes a recorded HTTP exchange again and returns it as it would be recorded, with what was printed.
func exchange(ctx context.Context, room *functions.Service, tape *functions.Tape) (now *functions.TapeExchange, lines []runtime.LogLine, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := tape.Caller
	caller := yunduo.Caller{App: tape.App, UserID: c.UserID, OpenID: c.OpenID, UnionID: c.UnionID, WeChatAppID: c.WeChatAppID, Provider: c.Provider, Username: c.Username, ClientIP: c.ClientIP}
	if c.UserID != "" {
		caller.Role = yunduo.RoleUser
	}
	over := make(chan error, 1)
	conn, err := room.Connect(yunduo.WithRequestID(ctx, tape.RequestID), caller, tape.App, tape.Function, functions.ConnectOptions{
		Public: true, // whoever asked was let in when it was recorded
		Over: func(printed []runtime.LogLine, err error) {
			lines = printed
			over <- err
		},
	})
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	var sent bytes.Buffer
	if err := tape.HTTP.Request.Write(&sent); err != nil {
		return nil, nil, err
	}
	go func() { // ends with the connection
		_, _ = conn.Write(sent.Bytes()) // code need not read it all
	}()
	received, unread := io.ReadAll(conn)
	conn.Close()
	err = <-over
	if err == nil && unread != nil {
		err = unread
	}
	return functions.NewTapeExchange(sent.Bytes(), received), lines, err
}

// passing are headers that differ from time to time, or say what the body says.
var passing = []string{"Connection", "Content-Length", "Date", "Keep-Alive", "Server-Timing", "X-Request-Id"}

// reportExchange tells how the reply differs from the recorded one.
func (p *player) reportExchange(now *functions.TapeExchange) {
	var was, is *functions.TapeResponse
	if was = p.tape.HTTP.Response; now != nil {
		is = now.Response
	}
	differs := func(t text, args ...any) {
		p.diverged = true
		p.say(t, args...)
	}
	if is != nil {
		p.say(exchangeTexts.reply, is.Status, http.StatusText(is.Status), short(is.Body()))
	}
	if was == nil || is == nil {
		if (was == nil) != (is == nil) {
			differs(exchangeTexts.none, was != nil, is != nil)
		}
		return
	}
	if was.Status != is.Status {
		differs(exchangeTexts.status, was.Status, is.Status)
	}
	names := maps.Clone(was.Headers)
	if names == nil {
		names = http.Header{}
	}
	maps.Copy(names, is.Headers)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		recorded, found := strings.Join(was.Headers[name], ", "), strings.Join(is.Headers[name], ", ")
		if recorded != found && !slices.Contains(passing, name) {
			differs(exchangeTexts.header, name, recorded, found)
		}
	}
	switch {
	case was.Left != "" && was.Digest == "":
		p.say(exchangeTexts.uncompared, was.Left)
	case was.Digest != is.Digest || !bytes.Equal(was.Body(), is.Body()) && !sameJSON(was.Body(), is.Body()):
		differs(exchangeTexts.body, told(&was.TapeBody), told(&is.TapeBody))
	}
}

// told is what a person is shown of a body.
func told(b *functions.TapeBody) string {
	if b.Left != "" {
		return b.Left + " " + b.Digest
	}
	return short(b.Body())
}
