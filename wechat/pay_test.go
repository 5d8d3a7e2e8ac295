package wechat_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/internal/wechatserver"
	"yunduo/wechat"
)

// serve is this server as WeChat sees it.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	fail := func(err error) {
		http.Error(rw, `{"code":"FAIL","message":"`+string(yunduo.ReasonOf(err))+`"}`, http.StatusInternalServerError)
	}
	if r.URL.Path == "/push" {
		m := wechat.Message{App: app, Query: r.URL.Query(), Body: body}
		answer := w.Receive
		if r.Method == http.MethodGet {
			answer = w.Prove
		}
		reply, err := answer(r.Context(), m)
		if err != nil {
			fail(err)
			return
		}
		rw.Header().Set("Content-Type", reply.ContentType)
		_, _ = rw.Write(reply.Body)
		return
	}
	part := strings.Split(r.URL.Path, "/") // /v1/apps/APP/wechat/KIND/FUNCTION/PROOF
	if err := w.Notify(r.Context(), wechat.Notification{App: yunduo.AppID(part[3]), Kind: part[5], Function: part[6], Proof: part[7], Header: r.Header, Body: body}); err != nil {
		fail(err)
		return
	}
	_, _ = rw.Write([]byte(`{"code":"SUCCESS"}`))
}

func (w *world) pay(t *testing.T, api string, data map[string]any) map[string]any {
	t.Helper()
	reply, err := w.Pay(t.Context(), code("o1"), app, api, w.own, data)
	require.NoError(t, err)
	text, err := json.Marshal(reply)
	require.NoError(t, err)
	var plain map[string]any
	require.NoError(t, json.Unmarshal(text, &plain))
	return plain
}

func order(number string) map[string]any {
	return map[string]any{"body": "tea", "out_trade_no": number, "total_fee": float64(100), "spbill_create_ip": "127.0.0.1", "sub_mch_id": mchID, "function_name": "paid", "env_id": "x", "attach": "note"}
}

func TestPay_FromOrderToNotification(t *testing.T) {
	for name, byKey := range map[string]bool{"public key": true, "certificates": false} {
		t.Run(name, func(t *testing.T) {
			w := open(t, nil)
			w.merchant(t, byKey)
			made := w.pay(t, "unifiedOrder", order("order-1"))
			require.Equal(t, "SUCCESS", made["return_code"], "%v", made)
			require.Equal(t, "SUCCESS", made["result_code"], "%v", made)
			payment := made["payment"].(map[string]any)
			require.Equal(t, "prepay_id="+made["prepay_id"].(string), payment["package"])
			require.Equal(t, "RSA", payment["signType"])
			require.NoError(t, verifyPayment(payment))
			require.Equal(t, "NOTPAY", w.pay(t, "queryOrder", map[string]any{"out_trade_no": "order-1"})["trade_state"])

			paid, err := w.stand.Pay("order-1")
			require.NoError(t, err)
			calls := w.taken()
			require.Len(t, calls, 1)
			require.Equal(t, "paid", calls[0].function)
			require.Equal(t, "o1", calls[0].openID)
			event := calls[0].event
			require.Regexp(t, `^\d{14}$`, event["timeEnd"])
			delete(event, "timeEnd")
			delete(event, "nonceStr")
			require.Equal(t, map[string]any{
				"returnCode": "SUCCESS", "resultCode": "SUCCESS", "appid": appID, "mchId": mchID, "subAppid": appID, "subMchId": mchID, "openid": "o1", "subOpenid": "o1",
				"isSubscribe": "N", "subIsSubscribe": "N", "tradeType": "JSAPI", "bankType": "OTHERS", "totalFee": 100.0, "feeType": "CNY", "cashFee": 100.0, "cashFeeType": "CNY",
				"transactionId": paid.TransactionID, "outTradeNo": "order-1", "attach": "note", "userInfo": map[string]any{"appId": appID, "openId": "o1"},
			}, event)

			queried := w.pay(t, "queryOrder", map[string]any{"transaction_id": paid.TransactionID})
			require.Equal(t, "SUCCESS", queried["trade_state"])
			require.Equal(t, 100.0, queried["total_fee"])
			again := w.pay(t, "unifiedOrder", order("order-1"))
			require.Equal(t, "FAIL", again["result_code"])
			require.Equal(t, "ORDERPAID", again["err_code"])

			refund := map[string]any{"out_trade_no": "order-1", "out_refund_no": "refund-1", "total_fee": "100", "refund_fee": float64(30), "function_name": "refunded"}
			back := w.pay(t, "refund", refund)
			require.Equal(t, "SUCCESS", back["result_code"], "%v", back)
			require.Equal(t, 30.0, back["refund_fee"])
			w.stand.Close() // waits for the notification
			calls = w.taken()
			require.Len(t, calls, 1)
			require.Equal(t, "refunded", calls[0].function)
			require.Equal(t, "SUCCESS", calls[0].event["refundStatus"])
			require.Equal(t, "refund-1", calls[0].event["outRefundNo"])
			found := w.pay(t, "queryRefund", map[string]any{"out_refund_no": "refund-1"})
			require.Equal(t, "SUCCESS", found["refund_status_0"])
			require.Equal(t, 30.0, found["refund_fee_0"])
			for name, value := range map[string]string{"out_trade_no": "order-1", "transaction_id": paid.TransactionID} {
				require.Equal(t, "refund-1", w.pay(t, "queryRefund", map[string]any{name: value})["out_refund_no_0"], name)
			}
			require.Equal(t, "REFUNDNOTEXIST", w.pay(t, "queryRefund", map[string]any{"out_trade_no": "order-2"})["err_code"])
			require.Equal(t, "PARAM_ERROR", w.pay(t, "queryRefund", nil)["err_code"])
			refund["out_refund_no"], refund["refund_fee"] = "refund-2", float64(71)
			require.Equal(t, "FAIL", w.pay(t, "refund", refund)["result_code"], "more than is left")
		})
	}
}

func TestPay_OtherKindsAndClosing(t *testing.T) {
	w := open(t, nil)
	w.merchant(t, true)
	native := order("order-2")
	native["trade_type"] = "NATIVE"
	require.Contains(t, w.pay(t, "unifiedOrder", native)["code_url"], "weixin://")
	web := order("order-3")
	web["trade_type"] = "MWEB"
	require.Contains(t, w.pay(t, "unifiedOrder", web)["mweb_url"], "https://")
	require.Equal(t, "SUCCESS", w.pay(t, "closeOrder", map[string]any{"out_trade_no": "order-2"})["result_code"])
	require.Equal(t, "CLOSED", w.pay(t, "queryOrder", map[string]any{"out_trade_no": "order-2"})["trade_state"])
	require.Equal(t, "ORDER_CLOSED", w.pay(t, "unifiedOrder", native)["err_code"])
	require.Equal(t, "ORDER_NOT_EXIST", w.pay(t, "closeOrder", map[string]any{"out_trade_no": "nobody"})["err_code"])
}

func TestPay_Refusals(t *testing.T) {
	w := open(t, nil)
	_, err := w.Pay(t.Context(), code("o1"), app, "unifiedOrder", w.own, order("order-1"))
	requireReason(t, err, yunduo.ReasonWechatNotConfigured)
	w.merchant(t, true)
	for _, stranger := range []yunduo.Caller{{App: app, Role: yunduo.RoleUser, OpenID: "o1"}, {App: "mall", Role: yunduo.RoleFunction, OpenID: "o1"}} {
		for _, api := range []string{"unifiedOrder", "micropay", "downloadBill", "downloadFundflow"} {
			_, err = w.Pay(t.Context(), stranger, app, api, w.own, order("order-1"))
			requireReason(t, err, yunduo.ReasonPermissionDenied)
		}
	}
	_, err = w.Pay(t.Context(), code("o1"), app, "authCodeToOpenid", w.own, nil)
	requireReason(t, err, yunduo.ReasonUnsupportedCall)
	for name, change := range map[string]map[string]any{
		"amount": {"total_fee": 0.0}, "half a fen": {"total_fee": 1.5}, "no amount": {"total_fee": nil}, "number": {"out_trade_no": "x y"}, "merchant": {"sub_mch_id": "1"},
		"kind": {"trade_type": "APP"}, "expiry": {"time_expire": "soon"}, "description": {"body": ""}, "payer": {"openid": "not an openid!"},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := order("order-9")
			for key, value := range change {
				wrong[key] = value
			}
			reply := w.pay(t, "unifiedOrder", wrong)
			require.Equal(t, "FAIL", reply["return_code"], "%v", reply)
			require.Equal(t, "PARAM_ERROR", reply["err_code"])
			require.NotEmpty(t, reply["return_msg"])
		})
	}
}

// What the function answers decides whether WeChat Pay sends the notification again.
func TestNotify_FunctionMustAgree(t *testing.T) {
	w := open(t, nil)
	w.merchant(t, true)
	w.pay(t, "unifiedOrder", order("order-1"))
	for name, answer := range map[string]func(call) (string, error){
		"nothing": func(call) (string, error) { return "null", nil }, "no": func(call) (string, error) { return `{"errcode":1}`, nil },
		"a throw": func(call) (string, error) {
			return "", yunduo.Errorf(yunduo.ReasonFunctionError, "boom")
		},
	} {
		w.answer = answer
		_, err := w.stand.Pay("order-1")
		require.Error(t, err, name)
	}
	w.answer = nil
	_, err := w.stand.Pay("order-1")
	require.NoError(t, err)
	require.Len(t, w.taken(), 4)
}

// recorder keeps what the stand-in sends, for somebody to tamper with.
type recorder struct {
	header http.Header
	path   string
	body   []byte
}

func TestNotify_Forged(t *testing.T) {
	c := &clock{at: time.Now()}
	w := open(t, func(o *wechat.Options) { o.Now = c.now })
	w.stand.SetNow(c.now)
	w.merchant(t, true)
	var seen recorder
	front := newRecorder(t, &seen)
	_, err := w.Pay(t.Context(), code("o1"), app, "unifiedOrder", front, order("order-1"))
	require.NoError(t, err)
	_, err = w.stand.Pay("order-1")
	require.NoError(t, err)
	part := strings.Split(seen.path, "/")
	good := func() wechat.Notification {
		return wechat.Notification{App: app, Kind: part[5], Function: part[6], Proof: part[7], Header: seen.header.Clone(), Body: append([]byte(nil), seen.body...)}
	}
	require.NoError(t, w.Notify(t.Context(), good()))
	require.Len(t, w.taken(), 1)
	for name, forge := range map[string]func(*wechat.Notification){
		"other function": func(n *wechat.Notification) { n.Function = "gift" },
		"other kind":     func(n *wechat.Notification) { n.Kind = "refund" },
		"other body":     func(n *wechat.Notification) { n.Body[10] ^= 1 },
		"no signature":   func(n *wechat.Notification) { n.Header.Del("Wechatpay-Signature") },
		"no serial":      func(n *wechat.Notification) { n.Header.Del("Wechatpay-Serial") },
		"other serial":   func(n *wechat.Notification) { n.Header.Set("Wechatpay-Serial", "PUB_KEY_ID_0") },
		"other time":     func(n *wechat.Notification) { n.Header.Set("Wechatpay-Timestamp", "1") },
		"other nonce":    func(n *wechat.Notification) { n.Header.Set("Wechatpay-Nonce", "x") },
	} {
		n := good()
		forge(&n)
		requireReason(t, w.Notify(t.Context(), n), yunduo.ReasonSignatureInvalid)
		require.Empty(t, w.taken(), name)
	}
	c.add(6 * time.Minute)
	requireReason(t, w.Notify(t.Context(), good()), yunduo.ReasonSignatureInvalid)
	require.Empty(t, w.taken())
}

// An answer that somebody else signed is no answer of WeChat Pay's.
func TestPay_AnswerOfAnImpostor(t *testing.T) {
	impostor := open(t, nil)
	key, err := merchantKey()
	require.NoError(t, err)
	impostor.stand.AddMerchant(wechatserver.Merchant{ID: mchID, Serial: serial, APIv3Key: strings.Repeat("?", 32), PublicKey: &key.PublicKey, AppID: appID}) // whose API v3 key it does not know
	w := open(t, func(o *wechat.Options) { o.PayEndpoint = impostor.url })
	w.merchant(t, true)
	for api, data := range map[string]map[string]any{
		"unifiedOrder": order("order-1"), "micropay": byCode("order-2", "134567890123456701"), "reverse": {"out_trade_no": "order-2"},
		"downloadBill": {"bill_date": "20260309"}, "downloadFundflow": {"bill_date": "20260309"},
	} {
		_, err = w.Pay(t.Context(), code("o1"), app, api, w.own, data)
		requireReason(t, err, yunduo.ReasonWechatUnavailable)
	}
}

func TestSettings_AreSealedAndKept(t *testing.T) {
	w := open(t, nil)
	w.merchant(t, true)
	again := wechat.Merchant{ID: mchID, Serial: "ABC"}
	s, err := w.SetSettings(t.Context(), owner(), app, wechat.Change{Merchant: &again})
	require.NoError(t, err)
	require.Equal(t, "ABC", s.Merchant.Serial)
	require.Equal(t, apiV3Key, s.Merchant.APIv3Key, "what is not given stays")
	for name, change := range map[string]wechat.Change{
		"no key":    {Merchant: &wechat.Merchant{ID: "1", Serial: "A", APIv3Key: apiV3Key, PrivateKey: "x"}},
		"short key": {Merchant: &wechat.Merchant{ID: mchID, APIv3Key: "short"}},
		"letters":   {Merchant: &wechat.Merchant{ID: "abc"}},
		"half":      {Merchant: &wechat.Merchant{ID: mchID, PublicKeyID: "PUB_KEY_ID_1", PublicKey: "no PEM"}},
		"aes":       {AESKey: ptr("short")},
		"route":     {Routes: &[]wechat.Route{{Type: "text"}}},
	} {
		_, err := w.SetSettings(t.Context(), owner(), app, change)
		requireReason(t, err, yunduo.ReasonInvalidRequest)
		require.NotContains(t, err.Error(), apiV3Key, name)
	}
	_, err = w.SetSettings(t.Context(), code("o1"), app, wechat.Change{})
	requireReason(t, err, yunduo.ReasonPermissionDenied)
	_, err = w.SetSettings(t.Context(), yunduo.Caller{App: "other", Role: yunduo.RoleOwner}, app, wechat.Change{})
	requireReason(t, err, yunduo.ReasonPermissionDenied)
	_, err = w.SetSettings(t.Context(), owner(), app, wechat.Change{Merchant: &wechat.Merchant{}})
	require.NoError(t, err)
	s, err = w.Settings(t.Context(), app)
	require.NoError(t, err)
	require.Empty(t, s.Merchant)
}

func ptr[T any](v T) *T { return &v }
