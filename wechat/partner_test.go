package wechat_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/apps"
	"yunduo/wechat"
)

const (
	providerApp = "wxprovider00000001"
	shop        = "1600000001"
	otherShop   = "1600000002"
)

// shopOrder is an order for a sub-merchant.
func shopOrder(number, sub string) map[string]any {
	o := order(number)
	o["sub_mch_id"] = sub
	return o
}

// A service provider takes payments for its sub-merchants, with an app ID of its own or with the app's.
func TestPay_ForSubMerchants(t *testing.T) {
	for name, own := range map[string]bool{"the provider has another app": false, "the provider is the app": true} {
		t.Run(name, func(t *testing.T) {
			w := open(t, nil)
			provider, providersOpenID := providerApp, "sp-o1"
			if own {
				provider, providersOpenID = appID, "o1"
			}
			w.provider(t, provider, shop, otherShop)
			made := w.pay(t, "unifiedOrder", shopOrder("order-1", shop))
			require.Equal(t, "SUCCESS", made["result_code"], "%v", made)
			require.Equal(t, []any{provider, mchID, appID, shop}, []any{made["appid"], made["mch_id"], made["sub_appid"], made["sub_mch_id"]})
			require.NoError(t, verifyPayment(made["payment"].(map[string]any)), "the payment is for the app's own client")
			paid, err := w.stand.Pay("order-1")
			require.NoError(t, err)
			require.Equal(t, shop, paid.SubID)
			calls := w.taken()
			require.Len(t, calls, 1)
			require.Equal(t, "o1", calls[0].openID, "the function runs for the user as the app knows them")
			event := calls[0].event
			require.Equal(t, []any{provider, mchID, appID, shop, providersOpenID, "o1"}, []any{event["appid"], event["mchId"], event["subAppid"], event["subMchId"], event["openid"], event["subOpenid"]})

			query := map[string]any{"out_trade_no": "order-1", "sub_mch_id": shop}
			require.Equal(t, "SUCCESS", w.pay(t, "queryOrder", query)["trade_state"])
			require.Equal(t, "SUCCESS", w.pay(t, "queryOrder", map[string]any{"transaction_id": paid.TransactionID, "sub_mch_id": shop})["trade_state"])
			query["sub_mch_id"] = otherShop
			require.Equal(t, "ORDER_NOT_EXIST", w.pay(t, "queryOrder", query)["err_code"], "the order is another shop's")
			refund := map[string]any{"out_trade_no": "order-1", "out_refund_no": "refund-1", "total_fee": 100.0, "refund_fee": 30.0, "function_name": "refunded", "sub_mch_id": otherShop}
			require.Equal(t, "RESOURCE_NOT_EXISTS", w.pay(t, "refund", refund)["err_code"], "the order is another shop's")
			refund["sub_mch_id"] = shop
			require.Equal(t, "SUCCESS", w.pay(t, "refund", refund)["result_code"])
			w.stand.Close() // waits for the notification
			calls = w.taken()
			require.Len(t, calls, 1)
			require.Equal(t, []any{shop, "SUCCESS"}, []any{calls[0].event["subMchId"], calls[0].event["refundStatus"]})
			require.Equal(t, "SUCCESS", w.pay(t, "queryRefund", map[string]any{"out_trade_no": "order-1", "sub_mch_id": shop})["refund_status_0"])
			require.Equal(t, "RESOURCE_NOT_EXISTS", w.pay(t, "queryRefund", map[string]any{"out_refund_no": "refund-1", "sub_mch_id": otherShop})["err_code"])

			w.pay(t, "unifiedOrder", shopOrder("order-2", shop))
			require.Equal(t, "ORDER_NOT_EXIST", w.pay(t, "closeOrder", map[string]any{"out_trade_no": "order-2", "sub_mch_id": otherShop})["err_code"])
			require.Equal(t, "SUCCESS", w.pay(t, "closeOrder", map[string]any{"out_trade_no": "order-2", "sub_mch_id": shop})["result_code"])
			counter := byCode("order-3", "134567890123456701")
			counter["sub_mch_id"] = shop
			require.Equal(t, "SUCCESS", w.pay(t, "micropay", counter)["result_code"])
			require.Equal(t, "SUCCESS", w.pay(t, "reverse", map[string]any{"out_trade_no": "order-3", "sub_mch_id": shop})["result_code"])
		})
	}
}

func TestPay_SubMerchantsRefused(t *testing.T) {
	w := open(t, nil)
	w.provider(t, providerApp, shop, "1600000009", "1600000003")
	for name, c := range map[string]struct {
		change map[string]any
		code   string
	}{
		"none named":             {map[string]any{"sub_mch_id": ""}, "PARAM_ERROR"},
		"not set for the app":    {map[string]any{"sub_mch_id": otherShop}, "PARAM_ERROR"},
		"the provider itself":    {map[string]any{"sub_mch_id": mchID}, "PARAM_ERROR"},
		"another app":            {map[string]any{"sub_appid": "wxother"}, "PARAM_ERROR"},
		"not the provider's":     {map[string]any{"sub_mch_id": "1600000009"}, "NO_AUTH"},
		"not bound to the app":   {map[string]any{"sub_mch_id": "1600000003"}, "APPID_MCHID_NOT_MATCH"},
		"no number of merchants": {map[string]any{"sub_mch_id": "*"}, "PARAM_ERROR"},
	} {
		wrong := shopOrder("order-1", shop)
		for key, value := range c.change {
			wrong[key] = value
		}
		refused := w.pay(t, "unifiedOrder", wrong)
		require.Equal(t, []any{"FAIL", c.code}, []any{refused["result_code"], refused["err_code"]}, "%s: %v", name, refused)
	}
	require.Empty(t, w.stand.Orders())
	for name, change := range map[string]wechat.Merchant{
		"no sub-merchant":  {ID: mchID, ProviderAppID: providerApp, SubMerchants: []string{}},
		"itself":           {ID: mchID, SubMerchants: []string{mchID}},
		"letters":          {ID: mchID, SubMerchants: []string{"shop"}},
		"no app's ID":      {ID: mchID, ProviderAppID: "wx 1"},
		"more than enough": {ID: mchID, SubMerchants: make([]string, 1001)},
	} {
		_, err := w.SetSettings(t.Context(), owner(), app, wechat.Change{Merchant: &change})
		requireReason(t, err, yunduo.ReasonInvalidRequest)
		require.NotEmpty(t, name)
	}
	s, err := w.Settings(t.Context(), app)
	require.NoError(t, err)
	require.Equal(t, []string{shop, "1600000009", "1600000003"}, s.Merchant.SubMerchants)

	// An ordinary merchant's addresses are closed to a provider, and the other way round.
	w.merchant(t, true)
	require.Equal(t, "NO_AUTH", w.pay(t, "unifiedOrder", shopOrder("order-1", shop))["err_code"])
	ordinary, err := w.SetSettings(t.Context(), owner(), app, wechat.Change{Merchant: &wechat.Merchant{ID: mchID, SubMerchants: []string{}}})
	require.NoError(t, err)
	require.Empty(t, ordinary.Merchant.ProviderAppID)
	require.Equal(t, "SUCCESS", w.pay(t, "unifiedOrder", order("order-1"))["result_code"])
	w.provider(t, providerApp, shop)
	_, err = w.SetSettings(t.Context(), owner(), app, wechat.Change{Merchant: &wechat.Merchant{ID: mchID, SubMerchants: []string{}}})
	require.NoError(t, err)
	require.Equal(t, "NO_AUTH", w.pay(t, "unifiedOrder", order("order-2"))["err_code"])
}

// One sub-merchant alone need not be named; all of the provider's may be the app's.
func TestPay_WhichSubMerchant(t *testing.T) {
	w := open(t, nil)
	w.provider(t, providerApp, shop)
	require.Equal(t, shop, w.pay(t, "unifiedOrder", shopOrder("order-1", ""))["sub_mch_id"])
	w.provider(t, providerApp, "*")
	require.Equal(t, otherShop, w.pay(t, "unifiedOrder", shopOrder("order-2", otherShop))["sub_mch_id"])
	require.Equal(t, "PARAM_ERROR", w.pay(t, "unifiedOrder", shopOrder("order-3", ""))["err_code"])
	at := shopOrder("order-4", shop)
	at["openid"] = "known-to-the-provider"
	require.Equal(t, "SUCCESS", w.pay(t, "unifiedOrder", at)["result_code"])
}

func TestPay_BillsOfSubMerchants(t *testing.T) {
	c := noon()
	w := open(t, func(o *wechat.Options) { o.Now = c.now })
	w.stand.SetNow(c.now)
	w.provider(t, providerApp, shop, otherShop)
	for number, sub := range map[string]string{"order-1": shop, "order-2": otherShop} {
		w.pay(t, "unifiedOrder", shopOrder(number, sub))
		_, err := w.stand.Pay(number)
		require.NoError(t, err)
	}
	c.add(22 * time.Hour)
	ask := func(api, sub string) map[string]any {
		return w.pay(t, api, map[string]any{"bill_date": "20260309", "sub_mch_id": sub})
	}
	mine := lines(t, ask("downloadBill", shop))
	require.Len(t, mine, 4)
	require.Equal(t, []string{"order-1", shop}, []string{column(t, mine, 1, "商户订单号"), column(t, mine, 1, "特约商户号")})
	flows := lines(t, ask("downloadFundflow", shop)) // encrypted, and in two parts
	require.Len(t, flows, 4)
	require.Equal(t, "order-1", column(t, flows, 1, "业务凭证号"))
	require.Equal(t, "20002", ask("downloadFundflow", mchID)["error_code"], "the money went to the sub-merchants")
	for _, api := range []string{"downloadBill", "downloadFundflow"} {
		require.Equal(t, "PARAM_ERROR", ask(api, "")["err_code"], "the bill of all would tell of others' sub-merchants")
		require.Equal(t, "PARAM_ERROR", ask(api, "1600000003")["err_code"], "it is not set for the app")
	}
	require.Equal(t, "PARAM_ERROR", ask("downloadBill", mchID)["err_code"])
	w.provider(t, providerApp, "*")
	require.Len(t, lines(t, ask("downloadBill", "")), 5)
	require.Equal(t, "PARAM_ERROR", ask("downloadFundflow", "")["err_code"])
}

// Two apps of one provider have one key: what WeChat Pay told one of them must not pass for news of the other's.
func TestNotify_OfAnotherAppOfTheProvider(t *testing.T) {
	const second, secondAppID = yunduo.AppID("mall"), "wxfedcba9876543210"
	w := open(t, nil)
	w.provider(t, providerApp, shop)
	s, err := w.Settings(t.Context(), app)
	require.NoError(t, err)
	_, err = w.apps.Create(t.Context(), yunduo.System(""), apps.App{ID: second, WeChat: apps.WeChat{AppID: secondAppID, Secret: secret}})
	require.NoError(t, err)
	set := func(id string, subs ...string) {
		m := s.Merchant
		m.SubMerchants = subs
		_, err := w.apps.Update(t.Context(), yunduo.System(""), second, apps.Change{WeChatAppID: &id})
		require.NoError(t, err)
		_, err = w.SetSettings(t.Context(), yunduo.Caller{App: second, Role: yunduo.RoleOwner}, second, wechat.Change{Merchant: &m})
		require.NoError(t, err)
	}
	seen := map[string]recorder{}
	capture := func(kind, api string, data map[string]any) {
		var r recorder
		_, err := w.Pay(t.Context(), code("o1"), app, api, newRecorder(t, &r), data)
		require.NoError(t, err)
		if api == "unifiedOrder" {
			_, err = w.stand.Pay("order-1")
			require.NoError(t, err)
		}
		w.stand.Close()
		seen[kind] = r
	}
	capture("pay", "unifiedOrder", shopOrder("order-1", shop))
	capture("refund", "refund", map[string]any{"out_trade_no": "order-1", "out_refund_no": "refund-1", "total_fee": 100.0, "refund_fee": 30.0, "function_name": "paid", "sub_mch_id": shop})

	for kind, r := range seen {
		deliver := func(to yunduo.AppID, proof string) error {
			return w.Notify(t.Context(), wechat.Notification{App: to, Kind: kind, Function: "paid", Proof: proof, Header: r.header, Body: r.body})
		}
		part := strings.Split(r.path, "/")
		require.NoError(t, deliver(app, part[7]), kind)
		require.Len(t, w.taken(), 1)
		proof := wechat.Proof(w.Service, second, kind, "paid") // as of an order of the second app's own
		set(secondAppID, otherShop)
		requireReason(t, deliver(second, proof), yunduo.ReasonSignatureInvalid)
		set(secondAppID, shop) // they share the sub-merchant, but not the app ID
		if kind == "pay" {
			requireReason(t, deliver(second, proof), yunduo.ReasonSignatureInvalid)
			require.Empty(t, w.taken())
			continue
		}
		require.NoError(t, deliver(second, proof), "a refund names merchants alone")
		w.taken()
	}
	require.Len(t, seen, 2)
	require.True(t, json.Valid(seen["pay"].body))
}
