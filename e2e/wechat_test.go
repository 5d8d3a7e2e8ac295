package e2e_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/wire"
)

// desk does what users and WeChat do, at the stand-in.
func (w *world) desk(t *testing.T, path string, body any) map[string]any {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	reply, err := http.Post(w.server.StandInURL()+path, "application/json", bytes.NewReader(text))
	require.NoError(t, err)
	defer reply.Body.Close()
	var answer map[string]any
	require.NoError(t, json.NewDecoder(reply.Body).Decode(&answer))
	answer["status"] = reply.StatusCode
	return answer
}

func (w *world) invoke(t *testing.T, who, name string, event any) map[string]any {
	t.Helper()
	var result map[string]any
	require.NoError(t, w.as(t, who).Do(t.Context(), "POST", "/v1/apps/"+string(w.app)+"/functions/"+name, event, &result))
	return result
}

// A function speaks to WeChat through the platform; without a secret that is the stand-in of a development server.
func TestWeChat_OpenAPIFromFunctions(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.deployMain(t, "check", `
	const answers = {}
	const tell = async (name, promise) => { try { answers[name] = await promise } catch (e) { answers[name] = { errCode: e.errCode, errMsg: e.errMsg } } }
	await tell('good', cloud.openapi.security.msgSecCheck({ content: 'hello' }))
	await tell('bad', cloud.openapi.security.msgSecCheck({ content: event.risky }))
	await tell('second', cloud.openapi.security.msgSecCheck({ content: event.risky, version: 2, scene: 1, openid: cloud.getWXContext().OPENID }))
	await tell('picture', cloud.openapi.security.imgSecCheck({ media: { contentType: 'image/png', value: Buffer.from('no picture') } }))
	await tell('sent', cloud.openapi.subscribeMessage.send({ touser: cloud.getWXContext().OPENID, templateId: 't', data: { thing1: { value: 'tea' } } }))
	const code = await cloud.openapi.wxacode.getUnlimited({ scene: 'id=1', width: 300 })
	answers.code = { contentType: code.contentType, isBuffer: Buffer.isBuffer(code.buffer), start: code.buffer.subarray(0, 2).toString('hex') }
	await tell('phone', cloud.openapi.phonenumber.getPhoneNumber({ code: 'dev:13800000000' }))
	await tell('address', cloud.openapi.wxa.business.getuserphonenumber({ code: 'x' }))
	await tell('unknown', cloud.openapi.nobody.knows({}))
	return answers`)
	a := w.invoke(t, "li", "check", map[string]string{"risky": "特3456书yuuo莞6543李zxcz蒜7782法fgnv级"})
	member := func(name string) map[string]any { return a[name].(map[string]any) }
	require.Equal(t, map[string]any{"errMsg": "openapi.security.msgSecCheck:ok", "errCode": 0.0}, member("good"))
	require.Equal(t, 87014.0, member("bad")["errCode"])
	require.Contains(t, member("bad")["errMsg"], "openapi.security.msgSecCheck:fail risky content")
	require.Equal(t, "risky", member("second")["result"].(map[string]any)["suggest"])
	require.Equal(t, 40137.0, member("picture")["errCode"])
	require.NotEmpty(t, member("sent")["msgid"])
	require.Equal(t, map[string]any{"contentType": "image/jpeg", "isBuffer": true, "start": "ffd8"}, member("code"))
	require.Equal(t, "13800000000", member("phone")["phoneInfo"].(map[string]any)["phoneNumber"])
	require.Equal(t, 40029.0, member("address")["errCode"])
	require.Equal(t, -604100.0, member("unknown")["errCode"])
}

// What WeChat's cloud would do after a while, the platform does.
func TestWeChat_DelayedFunctions(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	require.NoError(t, w.owner().CreateCollection(t.Context(), "ran"))
	w.deployMain(t, "later", "await cloud.database().collection('ran').add({ data: { _id: event.id } })")
	w.deployMain(t, "plan", `
	const answers = []
	for (const task of event.tasks) {
	  try { answers.push(await cloud.openapi.cloudbase.addDelayedFunctionTask({ env: 'any', functionName: 'later', delayTime: 6, ...task })) } catch (e) { answers.push({ errCode: e.errCode, errMsg: e.errMsg }) }
	}
	return { answers }`)
	answers := w.invoke(t, "li", "plan", map[string]any{"tasks": []map[string]any{
		{"data": `{"id":"once"}`}, {"data": `{"id":"early"}`, "delayTime": 5}, {"data": "{"}, {"data": map[string]int{"n": 1}}, {"data": "{}", "functionName": "nobody"}, {"data": "{}", "delayTime": 31 * 86400},
	}})["answers"].([]any)
	require.Equal(t, map[string]any{"errCode": 0.0, "errMsg": "openapi.cloudbase.addDelayedFunctionTask:ok"}, answers[0])
	for i, part := range []string{"delayTime is less", "not JSON text", "must be texts", "nobody", "delaySeconds"} {
		refusal := answers[i+1].(map[string]any)
		require.NotEqual(t, 0.0, refusal["errCode"])
		require.Contains(t, refusal["errMsg"], part)
	}
	var ran struct {
		Documents []struct {
			ID string `json:"_id"`
		}
	}
	require.Eventually(t, func() bool {
		require.NoError(t, w.owner().Do(t.Context(), "POST", w.path("documents/ran/find"), map[string]any{}, &ran))
		return len(ran.Documents) > 0
	}, patience, 20*pause)
	require.Equal(t, "once", ran.Documents[0].ID)
	require.Len(t, ran.Documents, 1)
}

func TestWeChat_PaymentFromOrderToCallback(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.deployMain(t, "order", `
	await cloud.database().createCollection('paid')
	return cloud.cloudPay.unifiedOrder({ body: 'tea', outTradeNo: event.number, totalFee: 100, spbillCreateIp: '127.0.0.1', subMchId: '1600000000', envId: 'e', functionName: 'paid' })`)
	w.deployMain(t, "paid", `
	await cloud.database().collection('paid').add({ data: { _id: event.outTradeNo, event, openid: cloud.getWXContext().OPENID, source: cloud.getWXContext().SOURCE } })
	return { errcode: 0, errmsg: '' }`)
	number := string(w.app) + "-order"
	made := w.invoke(t, "li", "order", map[string]string{"number": number})
	require.Equal(t, "SUCCESS", made["resultCode"], "%v", made)
	payment := made["payment"].(map[string]any)
	for _, name := range []string{"timeStamp", "nonceStr", "package", "signType", "paySign"} {
		require.NotEmpty(t, payment[name], name)
	}
	answer := w.desk(t, "/standin/pay", map[string]string{"outTradeNo": number})
	require.Equal(t, http.StatusOK, answer["status"], "%v", answer)
	var found struct {
		Documents []struct {
			OpenID, Source string
			Event          map[string]any
		}
	}
	require.NoError(t, w.owner().Do(t.Context(), "POST", "/v1/apps/"+string(w.app)+"/documents/paid/find", map[string]any{"filter": map[string]string{"_id": number}}, &found))
	require.Len(t, found.Documents, 1)
	stored := found.Documents[0]
	require.Equal(t, "li", stored.OpenID)
	require.Equal(t, "wx_unknown", stored.Source)
	require.Equal(t, "SUCCESS", stored.Event["resultCode"])
	require.Equal(t, 100.0, stored.Event["totalFee"])
	require.Equal(t, "li", stored.Event["userInfo"].(map[string]any)["openId"])

	require.Equal(t, http.StatusConflict, w.desk(t, "/standin/pay", map[string]string{"outTradeNo": number})["status"], "the function throws the second time: its document exists")
	require.Equal(t, http.StatusConflict, w.desk(t, "/standin/pay", map[string]string{"outTradeNo": "nobody"})["status"])
}

func TestWeChat_MessagesReachFunctions(t *testing.T) {
	w := shared.open(t)
	w.deployMain(t, "message", `
	await cloud.openapi.customerServiceMessage.send({ touser: event.FromUserName, msgtype: 'text', text: { content: 'you said ' + event.Content } })
	return { MsgType: 'transfer_customer_service' }`)
	routes := []wire.WeChatRoute{{Type: "text", Function: "message"}}
	var settings wire.WeChatSettings
	require.NoError(t, w.owner().Do(t.Context(), "PUT", "/v1/manage/apps/"+string(w.app)+"/wechat", wire.WeChatSettingsRequest{Routes: &routes, AppID: ptr("wx-" + string(w.app))}, &settings))
	require.NotNil(t, settings.StandIn)
	require.Equal(t, w.server.StandInURL(), settings.StandIn.URL)
	answer := w.desk(t, "/standin/messages", map[string]any{"appId": settings.StandIn.AppID, "message": map[string]any{"FromUserName": "wang", "Content": "hi"}})
	require.Equal(t, http.StatusOK, answer["status"], "%v", answer)
	require.Contains(t, answer["answer"], "transfer_customer_service")
}

func TestWeChat_CloudIDsOfEventsAreOpened(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.user(t, "wang")
	w.deployMain(t, "open", `return { event, list: (await cloud.getOpenData({ list: [event.raw] })).list }`)
	var settings wire.WeChatSettings
	require.NoError(t, w.owner().Do(t.Context(), "GET", "/v1/manage/apps/"+string(w.app)+"/wechat", nil, &settings))
	id := w.desk(t, "/standin/cloudIds", map[string]any{"appId": settings.StandIn.AppID, "openId": "li", "data": map[string]any{"step": 7}})["cloudID"].(string)
	event := map[string]any{"run": map[string]string{"cloudID": id}, "deep": map[string]any{"in": map[string]string{"cloudID": id}}, "both": map[string]string{"cloudID": id, "more": "x"}, "raw": id}
	for who, opened := range map[string]bool{"li": true, "wang": false} {
		result := w.invoke(t, who, "open", event)
		seen := result["event"].(map[string]any)
		run, list := seen["run"].(map[string]any), result["list"].([]any)[0].(map[string]any)
		require.Equal(t, id, run["cloudID"])
		require.Equal(t, map[string]any{"in": map[string]any{"cloudID": id}}, seen["deep"], "only at the top")
		require.Equal(t, map[string]any{"cloudID": id, "more": "x"}, seen["both"])
		require.Equal(t, opened, run["data"] != nil, "%v", run)
		require.Equal(t, opened, list["data"] != nil, "%v", list)
		if !opened {
			require.Equal(t, -601007.0, run["errCode"])
		}
	}
}

// Strangers cannot pretend to be WeChat, and settings never show what is secret.
func TestWeChat_Refused(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	base := "/v1/apps/" + string(w.app) + "/wechat/"
	for _, path := range []string{base + "push", base + "pay/f/AAAA", base + "refund/f/AAAA", base + "other/f/AAAA"} {
		reply, err := http.Post(w.url+path, "application/json", bytes.NewReader([]byte(`{"MsgType":"text"}`)))
		require.NoError(t, err)
		require.NoError(t, reply.Body.Close())
		require.Equal(t, http.StatusUnauthorized, reply.StatusCode, path)
	}
	for _, path := range []string{"openapi", "pay", "openData", "settings", "setSettings"} {
		caller, err := w.server.Rooms().Auth.Authenticate(t.Context(), w.app, w.tokens["li"])
		require.NoError(t, err)
		call := w.ownerCall(`{}`)
		call.Caller = caller
		_, err = w.server.API().Do(t.Context(), "wechat."+path, call)
		require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(err), path)
	}
	require.NoError(t, w.owner().Do(t.Context(), "PUT", "/v1/manage/apps/"+string(w.app)+"/wechat", map[string]any{"appId": "wx1", "secret": "very-secret", "token": "tok", "aesKey": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"}, nil))
	var shown map[string]any
	require.NoError(t, w.owner().Do(t.Context(), "GET", "/v1/manage/apps/"+string(w.app)+"/wechat", nil, &shown))
	text, err := json.Marshal(shown)
	require.NoError(t, err)
	require.NotContains(t, string(text), "very-secret")
	require.NotContains(t, string(text), "abcdefghij")
	require.Equal(t, true, shown["hasSecret"])
	require.Nil(t, shown["standIn"])
}

func ptr[T any](v T) *T { return &v }
