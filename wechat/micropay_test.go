package wechat_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func byCode(number, code string) map[string]any {
	return map[string]any{"body": "tea", "out_trade_no": number, "total_fee": float64(100), "spbill_create_ip": "127.0.0.1", "auth_code": code, "attach": "note", "device_info": "till 1"}
}

func TestPay_ByCode(t *testing.T) {
	w := open(t, nil)
	w.merchant(t, true)
	paid := w.pay(t, "micropay", byCode("order-1", "134567890123456701"))
	require.Equal(t, "SUCCESS", paid["result_code"], "%v", paid)
	require.Equal(t, []any{"SUCCESS", "MICROPAY", 100.0, 100.0, "standin-payer", "note"}, []any{paid["trade_state"], paid["trade_type"], paid["total_fee"], paid["cash_fee"], paid["openid"], paid["attach"]})
	require.NotEmpty(t, paid["transaction_id"])
	require.Regexp(t, `^\d{14}$`, paid["time_end"])

	asked := w.pay(t, "micropay", byCode("order-2", "134567890123456799"))
	require.Equal(t, []any{"SUCCESS", "FAIL", "USERPAYING", "USERPAYING", "order-2"}, []any{asked["return_code"], asked["result_code"], asked["err_code"], asked["trade_state"], asked["out_trade_no"]})
	require.NotContains(t, asked, "transaction_id")
	require.NotEmpty(t, asked["err_code_des"])
	require.Equal(t, "USERPAYING", w.pay(t, "queryOrder", map[string]any{"out_trade_no": "order-2"})["trade_state"])
	_, err := w.stand.Pay("order-2") // the password is given
	require.NoError(t, err)
	require.Equal(t, "SUCCESS", w.pay(t, "queryOrder", map[string]any{"out_trade_no": "order-2"})["trade_state"])
	require.Empty(t, w.taken(), "nobody is told of payments by code")

	for _, number := range []string{"order-1", "order-1"} { // again does no harm
		reversed := w.pay(t, "reverse", map[string]any{"out_trade_no": number})
		require.Equal(t, []any{"SUCCESS", "N"}, []any{reversed["result_code"], reversed["recall"]})
	}
	require.Equal(t, "REVOKED", w.pay(t, "queryOrder", map[string]any{"out_trade_no": "order-1"})["trade_state"])
	require.Equal(t, "FAIL", w.pay(t, "refund", map[string]any{"out_trade_no": "order-1", "out_refund_no": "r-1", "total_fee": 100.0, "refund_fee": 1.0})["result_code"], "all of it is back")
}

func TestPay_ByCodeRefused(t *testing.T) {
	w := open(t, nil)
	w.merchant(t, true)
	with := func(name string, value any) map[string]any {
		order := byCode("order-3", "134567890123456703")
		order[name] = value
		return order
	}
	for name, c := range map[string]struct {
		order map[string]any
		code  string
	}{
		"no code":       {with("auth_code", nil), "PARAM_ERROR"},
		"no such code":  {with("auth_code", "284567890123456701"), "PARAM_ERROR"},
		"cannot pay":    {with("auth_code", "134567890123456798"), "TRADE_ERROR"},
		"no amount":     {with("total_fee", 0.0), "PARAM_ERROR"},
		"scene":         {with("scene_info", "{"), "PARAM_ERROR"},
		"sub-merchant":  {with("sub_mch_id", "1600000001"), "PARAM_ERROR"},
		"a number only": {with("out_trade_no", "x"), "PARAM_ERROR"},
	} {
		refused := w.pay(t, "micropay", c.order)
		require.Equal(t, []any{"FAIL", c.code}, []any{refused["result_code"], refused["err_code"]}, "%s: %v", name, refused)
	}
	require.Equal(t, "SUCCESS", w.pay(t, "micropay", with("scene_info", `{"store_info":{"id":"shop-7"}}`))["result_code"])
	require.Equal(t, "OUT_TRADE_NO_USED", w.pay(t, "micropay", with("auth_code", "134567890123456704"))["err_code"])
	require.Equal(t, "PARAM_ERROR", w.pay(t, "micropay", with("out_trade_no", "order-4"))["err_code"], "a code pays once")
	require.Equal(t, "INVALID_REQUEST", w.pay(t, "closeOrder", map[string]any{"out_trade_no": "order-3"})["err_code"])
	require.Equal(t, "ORDER_NOT_EXIST", w.pay(t, "reverse", map[string]any{"out_trade_no": "nobody"})["err_code"])
	require.Equal(t, "PARAM_ERROR", w.pay(t, "reverse", nil)["err_code"])
	w.pay(t, "unifiedOrder", order("order-5"))
	require.Equal(t, "INVALID_REQUEST", w.pay(t, "reverse", map[string]any{"out_trade_no": "order-5"})["err_code"], "it is not paid by code")
}
