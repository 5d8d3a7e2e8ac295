package wechat_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/apps"
	"yunduo/internal/wechatserver"
	"yunduo/wechat"
)

func picture(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))))
	return b.Bytes()
}

func errcode(t *testing.T, r wechat.Response) int {
	t.Helper()
	var code struct {
		ErrCode int `json:"errcode"`
	}
	require.True(t, r.JSON, "%s", r.Body)
	require.NoError(t, json.Unmarshal(r.Body, &code))
	return code.ErrCode
}

func TestCall(t *testing.T) {
	w := open(t, nil)
	for name, test := range map[string]struct {
		request wechat.Request
		want    int
	}{
		"text":            {wechat.Request{API: "security.msgSecCheck", Data: raw(t, `{"content":"hello"}`)}, 0},
		"risky text":      {wechat.Request{API: "security.msgSecCheck", Data: raw(t, `{"content":"`+wechatserver.RiskyTexts[0]+`"}`)}, 87014},
		"no text":         {wechat.Request{API: "security.msgSecCheck"}, 44002},
		"picture":         {wechat.Request{API: "security.imgSecCheck", File: &wechat.File{Field: "media", ContentType: "image/png", Content: picture(t, 10, 10)}}, 0},
		"risky picture":   {wechat.Request{API: "security.imgSecCheck", File: &wechat.File{Field: "media", Content: append(picture(t, 10, 10), wechatserver.RiskyPicture...)}}, 87014},
		"no picture":      {wechat.Request{API: "security.imgSecCheck", File: &wechat.File{Field: "media", Content: []byte("x")}}, 40137},
		"wrong field":     {wechat.Request{API: "security.imgSecCheck", File: &wechat.File{Field: "image", Content: picture(t, 10, 10)}}, 41005},
		"too large":       {wechat.Request{API: "security.imgSecCheck", File: &wechat.File{Field: "media", Content: picture(t, 800, 800)}}, 40006},
		"subscribe":       {wechat.Request{API: "subscribeMessage.send", Data: raw(t, `{"touser":"o1","template_id":"t","data":{"thing1":{"value":"x"}}}`)}, 0},
		"subscribe empty": {wechat.Request{API: "subscribeMessage.send", Data: raw(t, `{"touser":"o1","template_id":"t","data":{"thing1":{"value":""}}}`)}, 47003},
		"by address":      {wechat.Request{API: "wxa.msgSecCheck", Data: raw(t, `{"content":"x"}`)}, 0},
		"by GET":          {wechat.Request{API: "wxaapi.newtmpl.gettemplate", Method: "get"}, 0},
		"not played":      {wechat.Request{API: "wxa.unheard_of"}, 48001},
		"retired":         {wechat.Request{API: "templateMessage.send", Data: raw(t, `{"touser":"o"}`)}, 41028},
		"stranger":        {wechat.Request{API: "customerServiceMessage.send", Data: raw(t, `{"touser":"o","msgtype":"text","text":{"content":"x"}}`)}, 45015},
	} {
		t.Run(name, func(t *testing.T) {
			response, err := w.Call(t.Context(), code("o1"), app, test.request)
			require.NoError(t, err)
			require.Equal(t, test.want, errcode(t, response), "%s", response.Body)
		})
	}
	require.Equal(t, 1, w.stand.Renewals())
}

func TestCall_GivesFiles(t *testing.T) {
	w := open(t, nil)
	response, err := w.Call(t.Context(), code("o1"), app, wechat.Request{API: "wxacode.getUnlimited", Data: raw(t, `{"scene":"a=1","width":280}`)})
	require.NoError(t, err)
	require.False(t, response.JSON)
	require.Equal(t, "image/jpeg", response.ContentType)
	size, _, err := image.DecodeConfig(bytes.NewReader(response.Body))
	require.NoError(t, err)
	require.Equal(t, 280, size.Width)

	response, err = w.Call(t.Context(), code("o1"), app, wechat.Request{API: "customerServiceMessage.uploadTempMedia", Data: raw(t, `{"type":"image"}`), File: &wechat.File{Field: "media", ContentType: "image/png", Content: picture(t, 3, 3)}})
	require.NoError(t, err)
	var uploaded struct {
		ID string `json:"media_id"`
	}
	require.NoError(t, json.Unmarshal(response.Body, &uploaded))
	id, err := json.Marshal(uploaded.ID)
	require.NoError(t, err)
	response, err = w.Call(t.Context(), code("o1"), app, wechat.Request{API: "customerServiceMessage.getTempMedia", Data: map[string]json.RawMessage{"media_id": id}})
	require.NoError(t, err)
	require.Equal(t, picture(t, 3, 3), response.Body)
	require.Equal(t, "image/png", response.ContentType)
}

// Numbers that JavaScript would round come as texts; others stay.
func TestCall_KeepsLongNumbers(t *testing.T) {
	w := open(t, nil)
	response, err := w.Call(t.Context(), code("o1"), app, wechat.Request{API: "subscribeMessage.send", Data: raw(t, `{"touser":"o1","template_id":"t","data":{"thing1":{"value":"x"}}}`)})
	require.NoError(t, err)
	var given struct {
		ID      string `json:"msgid"`
		ErrCode int    `json:"errcode"`
	}
	require.NoError(t, json.Unmarshal(response.Body, &given))
	require.Greater(t, len(given.ID), 16)
}

func TestCall_RenewsTheTokenOnce(t *testing.T) {
	w := open(t, nil)
	check := wechat.Request{API: "security.msgSecCheck", Data: raw(t, `{"content":"hello"}`)}
	calls := func(n int) {
		var group sync.WaitGroup
		var failed atomic.Int64
		for range n {
			group.Go(func() {
				response, err := w.Call(t.Context(), code("o1"), app, check)
				if err != nil || !bytes.Contains(response.Body, []byte(`"errcode":0`)) {
					failed.Add(1)
				}
			})
		}
		group.Wait()
		require.Zero(t, failed.Load())
	}
	calls(20)
	require.Equal(t, 1, w.stand.Renewals(), "all who wait get one token")
	w.stand.EndTokens()
	calls(20)
	require.Equal(t, 2, w.stand.Renewals(), "a token that is refused is renewed once for all")
}

func TestCall_RenewsTheTokenBeforeItsEnd(t *testing.T) {
	c := &clock{at: time.Now()}
	w := open(t, func(o *wechat.Options) { o.Now = c.now })
	w.stand.SetNow(c.now)
	check := wechat.Request{API: "security.msgSecCheck", Data: raw(t, `{"content":"hello"}`)}
	for _, step := range []struct {
		after    time.Duration
		renewals int
	}{{0, 1}, {114 * time.Minute, 1}, {7 * time.Minute, 2}} {
		c.add(step.after)
		_, err := w.Call(t.Context(), code("o1"), app, check)
		require.NoError(t, err)
		require.Equal(t, step.renewals, w.stand.Renewals(), "after %v", step.after)
	}
}

// A token that is refused although it is new is no reason to ask for ever.
func TestCall_GivesUpOnATokenThatStaysRefused(t *testing.T) {
	var asked, forced atomic.Int64
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/cgi-bin/stable_token" {
			var given struct {
				Force bool `json:"force_refresh"`
			}
			if json.NewDecoder(r.Body).Decode(&given) == nil && given.Force {
				forced.Add(1)
			}
			_, _ = rw.Write([]byte(`{"access_token":"same","expires_in":7200}`))
			return
		}
		asked.Add(1)
		_, _ = rw.Write([]byte(`{"errcode":40001,"errmsg":"invalid credential"}`))
	}))
	defer front.Close()
	w := open(t, func(o *wechat.Options) { o.Endpoint = front.URL })
	response, err := w.Call(t.Context(), owner(), app, wechat.Request{API: "security.msgSecCheck", Data: raw(t, `{"content":"x"}`)})
	require.NoError(t, err)
	require.Equal(t, 40001, errcode(t, response))
	require.Equal(t, int64(2), asked.Load())
	require.Equal(t, int64(1), forced.Load())
}

func TestCall_Refusals(t *testing.T) {
	w := open(t, nil)
	request := wechat.Request{API: "security.msgSecCheck", Data: raw(t, `{"content":"x"}`)}
	call := func(caller yunduo.Caller, r wechat.Request) error {
		_, err := w.Call(t.Context(), caller, app, r)
		return err
	}
	requireReason(t, call(yunduo.Caller{App: app, Role: yunduo.RoleUser, OpenID: "o1"}, request), yunduo.ReasonPermissionDenied)
	requireReason(t, call(yunduo.Caller{App: "other", Role: yunduo.RoleOwner}, request), yunduo.ReasonPermissionDenied)
	requireReason(t, call(yunduo.Caller{App: "other", Role: yunduo.RoleFunction}, request), yunduo.ReasonPermissionDenied)
	for _, name := range []string{"", "x", "foo.bar", "wxa", "wxa..x", "wxa.a b", "wxa.\u00e4", "cloudbase.addDelayedFunctionTask", "wxa/../cgi-bin/token"} {
		requireReason(t, call(owner(), wechat.Request{API: name}), yunduo.ReasonUnsupportedCall)
	}
	requireReason(t, call(owner(), wechat.Request{API: "wxa.x", Method: "DELETE"}), yunduo.ReasonInvalidRequest)

	for name, secret := range map[string]string{"no secret": "", "wrong secret": "wrong"} {
		_, err := w.apps.Update(t.Context(), owner(), app, apps.Change{WeChatSecret: &secret})
		require.NoError(t, err)
		err = call(owner(), request)
		requireReason(t, err, yunduo.ReasonWechatNotConfigured)
		require.NotContains(t, err.Error(), "s3cret", name)
	}
}

func TestCall_Unreachable(t *testing.T) {
	front := httptest.NewServer(http.NotFoundHandler())
	front.Close()
	w := open(t, func(o *wechat.Options) { o.Endpoint = front.URL })
	_, err := w.Call(t.Context(), owner(), app, wechat.Request{API: "security.msgSecCheck"})
	requireReason(t, err, yunduo.ReasonWechatUnavailable)
	require.NotContains(t, err.Error(), secret)
}
