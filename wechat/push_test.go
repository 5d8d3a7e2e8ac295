package wechat_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/wechat"
)

func TestPush_EveryFormAndMode(t *testing.T) {
	for name, test := range map[string]struct {
		key string
		xml bool
	}{"plain JSON": {"", false}, "plain XML": {"", true}, "sealed JSON": {aesKey, false}, "sealed XML": {aesKey, true}} {
		t.Run(name, func(t *testing.T) {
			w := open(t, nil)
			w.push(t, test.key, test.xml, wechat.Route{Type: "text", Function: "answer"}, wechat.Route{Type: "event", Event: "user_enter_tempsession", Function: "enter"})
			require.NoError(t, w.stand.Prove(appID))
			w.answer = func(c call) (string, error) {
				if c.function == "enter" {
					return `"success"`, nil
				}
				return `{"MsgType":"transfer_customer_service"}`, nil
			}
			answer, err := w.stand.Send(appID, map[string]any{"FromUserName": "o1", "Content": "你好 <b>", "CreateTime": 1700000000})
			require.NoError(t, err)
			for _, part := range []string{"transfer_customer_service", "o1", "gh_standin", "1700000000"} {
				require.Contains(t, answer, part)
			}
			calls := w.taken()
			require.Len(t, calls, 1)
			require.Equal(t, call{function: "answer", openID: "o1", appID: appID, event: calls[0].event}, calls[0])
			require.NotEmpty(t, calls[0].event["MsgId"])
			delete(calls[0].event, "MsgId")
			require.Equal(t, map[string]any{
				"ToUserName": "gh_standin", "FromUserName": "o1", "CreateTime": 1700000000.0, "MsgType": "text", "Content": "你好 <b>",
				"userInfo": map[string]any{"openId": "o1", "appId": appID},
			}, calls[0].event)

			answer, err = w.stand.Send(appID, map[string]any{"FromUserName": "o1", "MsgType": "event", "Event": "user_enter_tempsession", "SessionFrom": "page"})
			require.NoError(t, err)
			require.Equal(t, "success", answer)
			require.Equal(t, "page", w.taken()[0].event["SessionFrom"])

			answer, err = w.stand.Send(appID, map[string]any{"FromUserName": "o1", "MsgType": "image"})
			require.NoError(t, err)
			require.Equal(t, "success", answer, "nobody gets it")
			require.Empty(t, w.taken())
		})
	}
}

// The result of a content check comes as an event.
func TestPush_ContentCheckThatAnswersLater(t *testing.T) {
	w := open(t, nil)
	w.push(t, aesKey, false, wechat.Route{Event: "wxa_media_check", Function: "checked"})
	response, err := w.Call(t.Context(), code("o1"), app, wechat.Request{API: "security.mediaCheckAsync", Data: raw(t, `{"media_url":"https://x.example/yunduo-risky.jpg","media_type":2,"version":2,"scene":1,"openid":"o1"}`)})
	require.NoError(t, err)
	var begun struct {
		Trace string `json:"trace_id"`
	}
	require.NoError(t, json.Unmarshal(response.Body, &begun))
	w.stand.Close()
	calls := w.taken()
	require.Len(t, calls, 1)
	require.Equal(t, begun.Trace, calls[0].event["trace_id"])
	require.Equal(t, "risky", calls[0].event["result"].(map[string]any)["suggest"])
}

// A message that WeChat repeats because the function takes long runs it once, and gets its answer.
func TestPush_RepeatedMessageRunsOnce(t *testing.T) {
	w := open(t, func(o *wechat.Options) { o.ReplyWithin = time.Millisecond })
	w.push(t, "", false, wechat.Route{Function: "slow"})
	release := make(chan struct{})
	var runs atomic.Int64
	w.answer = func(call) (string, error) {
		runs.Add(1)
		<-release
		return `{"MsgType":"text","Content":"late"}`, nil
	}
	message := map[string]any{"FromUserName": "o1", "MsgId": json.Number("23456789012345678"), "Content": "x", "CreateTime": 1}
	answer, err := w.stand.Send(appID, message)
	require.NoError(t, err)
	require.Equal(t, "success", answer, "WeChat waits no longer")
	close(release)
	require.Eventually(t, func() bool {
		answer, err = w.stand.Send(appID, message)
		require.NoError(t, err)
		return answer != "success"
	}, time.Minute, time.Millisecond)
	require.Contains(t, answer, "late")
	require.Equal(t, int64(1), runs.Load())
	message["MsgId"] = json.Number("23456789012345679")
	_, err = w.stand.Send(appID, message)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return runs.Load() == 2 }, time.Minute, time.Millisecond, "another message with a number that differs in its last digit")
}

func TestPush_Forged(t *testing.T) {
	w := open(t, nil)
	message := wechat.Message{App: app, Query: url.Values{"signature": {"x"}, "timestamp": {"1"}, "nonce": {"1"}, "echostr": {"e"}}, Body: []byte(`{"MsgType":"text"}`)}
	_, err := w.Receive(t.Context(), message)
	requireReason(t, err, yunduo.ReasonWechatNotConfigured)
	w.push(t, aesKey, false, wechat.Route{Function: "f"})
	_, err = w.Prove(t.Context(), message)
	requireReason(t, err, yunduo.ReasonSignatureInvalid)
	_, err = w.Receive(t.Context(), message)
	requireReason(t, err, yunduo.ReasonSignatureInvalid)

	seen := make(chan wechat.Message, 1)
	w.capture(t, seen)
	_, err = w.stand.Send(appID, map[string]any{"FromUserName": "o1", "Content": "x"})
	require.NoError(t, err)
	good := <-seen
	for name, forge := range map[string]func(*wechat.Message){
		"no signature of the content": func(m *wechat.Message) { m.Query.Del("msg_signature") },
		"other content": func(m *wechat.Message) {
			m.Body = bytes.Replace(m.Body, []byte(`"Encrypt":"`), []byte(`"Encrypt":"AAAA`), 1)
		},
		"plain": func(m *wechat.Message) {
			m.Body = []byte(`{"MsgType":"text","FromUserName":"victim"}`)
			m.Query.Del("encrypt_type")
		},
		"old": func(m *wechat.Message) {
			m.Query.Set("timestamp", strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10))
		},
		"other nonce": func(m *wechat.Message) { m.Query.Set("nonce", "1") },
	} {
		m := good
		m.Query, m.Body = url.Values{}, append([]byte(nil), good.Body...)
		for key, value := range good.Query {
			m.Query[key] = value
		}
		forge(&m)
		_, err := w.Receive(t.Context(), m)
		requireReason(t, err, yunduo.ReasonSignatureInvalid)
		require.Empty(t, w.taken(), name)
	}
	_, err = w.Receive(t.Context(), good)
	require.NoError(t, err)
	require.Len(t, w.taken(), 1)
}

// What strangers send never brings the server down.
func FuzzReceive(f *testing.F) {
	for _, text := range []string{"", "{}", "[]", "null", `{"Encrypt":"AAAA"}`, "<xml><Encrypt>QUFB</Encrypt></xml>", "<xml>", "<a><b/><b>1</b></a>", `{"MsgType":5,"Event":{}}`, "<xml><MsgType>text</MsgType></xml>"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := wechat.ParseFields(body, !bytes.HasPrefix(body, []byte("{")))
		if err != nil {
			return
		}
		for _, xml := range []bool{false, true} {
			_, _ = wechat.FormatFields(p, xml)
		}
	})
}
