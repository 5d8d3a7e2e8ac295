package wechat_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/wechat"
)

// paidToShare makes an order whose parts may go to others, and pays it.
func (w *world) paidToShare(t *testing.T, number string, more map[string]any) (transaction string) {
	t.Helper()
	o := order(number)
	o["profit_sharing"] = "Y"
	delete(o, "sub_mch_id")
	for name, value := range more {
		o[name] = value
	}
	require.Equal(t, "SUCCESS", w.pay(t, "unifiedOrder", o)["result_code"])
	paid, err := w.stand.Pay(number)
	require.NoError(t, err)
	return paid.TransactionID
}

func TestPay_ProfitSharing(t *testing.T) {
	for name, byKey := range map[string]bool{"public key": true, "certificates": false} {
		t.Run(name, func(t *testing.T) {
			w := open(t, nil)
			w.merchant(t, byKey)
			id := w.paidToShare(t, "order-1", nil)
			ok := func(api string, data map[string]any) map[string]any {
				t.Helper()
				reply := w.pay(t, api, data)
				require.Equal(t, "SUCCESS", reply["result_code"], "%v", reply)
				return reply
			}
			left := func() any {
				return ok("profitSharingOrderAmountQuery", map[string]any{"transaction_id": id})["unsplit_amount"]
			}
			added := ok("profitSharingAddReceiver", map[string]any{"receiver": `{"type":"MERCHANT_ID","account":"1900000109","name":"云朵小店","relation_type":"STORE"}`})
			require.JSONEq(t, `{"type":"MERCHANT_ID","account":"1900000109","relation_type":"STORE"}`, added["receiver"].(string))
			ok("profitSharingAddReceiver", map[string]any{"receiver": map[string]any{"type": "PERSONAL_SUB_OPENID", "account": "o-wang", "name": "王五", "relation_type": "CUSTOM", "custom_relation": "导购"}})
			require.Equal(t, 100.0, left())

			parts := `[{"type":"MERCHANT_ID","account":"1900000109","amount":30,"description":"rent"},{"type":"PERSONAL_SUB_OPENID","account":"o-wang","name":"王五","amount":10,"description":"tip"}]`
			request := map[string]any{"transaction_id": id, "out_order_no": "P1", "receivers": parts}
			shared := ok("multiProfitSharing", request)
			require.Equal(t, []any{id, "P1", "PROCESSING"}, []any{shared["transaction_id"], shared["out_order_no"], shared["status"]})
			require.NotEmpty(t, shared["order_id"])
			require.Equal(t, 60.0, left())
			ok("multiProfitSharing", request)
			require.Equal(t, 60.0, left(), "the same again is the same one")

			found := ok("profitSharingQuery", map[string]any{"transaction_id": id, "out_order_no": "P1"})
			require.Equal(t, "FINISHED", found["status"])
			var receivers []map[string]any
			require.NoError(t, json.Unmarshal([]byte(found["receivers"].(string)), &receivers))
			require.Equal(t, []any{"1900000109", 30.0, "SUCCESS"}, []any{receivers[0]["account"], receivers[0]["amount"], receivers[0]["result"]})
			require.Regexp(t, `^\d{14}$`, receivers[0]["finish_time"])

			back := map[string]any{"order_id": shared["order_id"], "out_return_no": "R1", "return_account_type": "MERCHANT_ID", "return_account": "1900000109", "return_amount": 20.0, "description": "refund"}
			returned := ok("profitSharingReturn", back)
			require.Equal(t, []any{"SUCCESS", 20.0, "1900000109", "P1"}, []any{returned["result"], returned["return_amount"], returned["return_account"], returned["out_order_no"]})
			require.Equal(t, returned["return_no"], ok("profitSharingReturnQuery", map[string]any{"out_order_no": "P1", "out_return_no": "R1"})["return_no"])
			require.Equal(t, 80.0, left())

			ok("profitSharingFinish", map[string]any{"transaction_id": id, "out_order_no": "P2", "description": "done"})
			require.Equal(t, 0.0, left())
			require.Equal(t, "INVALID_REQUEST", w.pay(t, "profitSharing", map[string]any{"transaction_id": id, "out_order_no": "P3", "receivers": parts})["err_code"], "it has ended")
			require.Equal(t, "SUCCESS", ok("profitSharingRemoveReceiver", map[string]any{"receiver": `{"type":"MERCHANT_ID","account":"1900000109"}`})["return_code"])
			other := w.paidToShare(t, "order-2", nil)
			require.Equal(t, "INVALID_REQUEST", w.pay(t, "profitSharing", map[string]any{"transaction_id": other, "out_order_no": "P4", "receivers": parts})["err_code"], "who was removed gets nothing")
		})
	}
}

func TestPay_ProfitSharingRefused(t *testing.T) {
	w := open(t, nil)
	w.merchant(t, true)
	id := w.paidToShare(t, "order-1", nil)
	plain := w.paidToShare(t, "order-2", map[string]any{"profit_sharing": "N"})
	known := map[string]any{"receiver": `{"type":"PERSONAL_OPENID","account":"o-wang","name":"王五","relation_type":"STAFF"}`}
	require.Equal(t, "SUCCESS", w.pay(t, "profitSharingAddReceiver", known)["result_code"])
	part := func(amount int, name string) string {
		text, err := json.Marshal([]map[string]any{{"type": "PERSONAL_OPENID", "account": "o-wang", "amount": amount, "description": "tip", "name": name}})
		require.NoError(t, err)
		return string(text)
	}
	for name, c := range map[string]struct {
		api  string
		data map[string]any
		code string
	}{
		"too much":          {"profitSharing", map[string]any{"transaction_id": id, "out_order_no": "P1", "receivers": part(101, "")}, "NOT_ENOUGH"},
		"another's name":    {"profitSharing", map[string]any{"transaction_id": id, "out_order_no": "P1", "receivers": part(1, "李四")}, "INVALID_REQUEST"},
		"not to be shared":  {"profitSharing", map[string]any{"transaction_id": plain, "out_order_no": "P1", "receivers": part(1, "")}, "INVALID_REQUEST"},
		"no receivers":      {"profitSharing", map[string]any{"transaction_id": id, "out_order_no": "P1"}, "PARAM_ERROR"},
		"no JSON":           {"profitSharing", map[string]any{"transaction_id": id, "out_order_no": "P1", "receivers": "["}, "PARAM_ERROR"},
		"no number":         {"profitSharing", map[string]any{"transaction_id": id, "receivers": part(1, "")}, "PARAM_ERROR"},
		"a long name":       {"profitSharing", map[string]any{"transaction_id": id, "out_order_no": "P1", "receivers": part(1, string(make([]byte, 300)))}, "PARAM_ERROR"},
		"no relation":       {"profitSharingAddReceiver", map[string]any{"receiver": `{"type":"PERSONAL_OPENID","account":"o-li"}`}, "PARAM_ERROR"},
		"nameless merchant": {"profitSharingAddReceiver", map[string]any{"receiver": `{"type":"MERCHANT_ID","account":"19","relation_type":"STORE"}`}, "PARAM_ERROR"},
		"nobody":            {"profitSharingRemoveReceiver", map[string]any{"receiver": `{}`}, "PARAM_ERROR"},
		"no such sharing":   {"profitSharingQuery", map[string]any{"transaction_id": id, "out_order_no": "P9"}, "RESOURCE_NOT_EXISTS"},
		"a person":          {"profitSharingReturn", map[string]any{"out_order_no": "P1", "out_return_no": "R1", "return_account_type": "PERSONAL_OPENID", "return_account": "o-wang", "return_amount": 1.0, "description": "x"}, "PARAM_ERROR"},
		"nothing to return": {"profitSharingReturn", map[string]any{"out_order_no": "P9", "out_return_no": "R1", "return_account": "19", "return_amount": 1.0, "description": "x"}, "RESOURCE_NOT_EXISTS"},
		"by order ID":       {"profitSharingReturnQuery", map[string]any{"order_id": "3008", "out_return_no": "R1"}, "PARAM_ERROR"},
		"no reason":         {"profitSharingFinish", map[string]any{"transaction_id": id, "out_order_no": "P1"}, "PARAM_ERROR"},
		"amount of none":    {"profitSharingOrderAmountQuery", map[string]any{"transaction_id": "4200"}, "INVALID_REQUEST"},
	} {
		refused := w.pay(t, c.api, c.data)
		require.Equal(t, []any{"FAIL", c.code}, []any{refused["result_code"], refused["err_code"]}, "%s: %v", name, refused)
	}
	require.Equal(t, 100.0, w.pay(t, "profitSharingOrderAmountQuery", map[string]any{"transaction_id": id})["unsplit_amount"], "nothing came of it")
}

// A provider shares the payments of the app's sub-merchants, and of no others.
func TestPay_ProfitSharingOfSubMerchants(t *testing.T) {
	w := open(t, nil)
	w.provider(t, "wxprovider0000000", "1600000001")
	id := w.paidToShare(t, "order-1", map[string]any{"sub_openid": "o1"})
	receiver := map[string]any{"sub_mch_id": "1600000001", "receiver": `{"type":"PERSONAL_SUB_OPENID","account":"o-wang","relation_type":"STAFF"}`}
	require.Equal(t, "SUCCESS", w.pay(t, "profitSharingAddReceiver", receiver)["result_code"])
	shared := w.pay(t, "profitSharing", map[string]any{"transaction_id": id, "out_order_no": "P1", "receivers": `[{"type":"PERSONAL_SUB_OPENID","account":"o-wang","amount":7,"description":"tip"}]`})
	require.Equal(t, []any{"SUCCESS", "1600000001"}, []any{shared["result_code"], shared["sub_mch_id"]}, "%v", shared)
	require.Equal(t, 0.0, w.pay(t, "profitSharingOrderAmountQuery", map[string]any{"transaction_id": id})["unsplit_amount"], "the rest is the merchant's")

	receiver["sub_mch_id"] = "1600000002"
	require.Equal(t, "PARAM_ERROR", w.pay(t, "profitSharingAddReceiver", receiver)["err_code"])
	// The app serves another sub-merchant now: payments of the former are none of its own.
	_, err := w.SetSettings(t.Context(), owner(), app, wechat.Change{Merchant: &wechat.Merchant{ID: mchID, SubMerchants: []string{"1600000002"}}})
	require.NoError(t, err)
	require.Equal(t, "FAIL", w.pay(t, "profitSharingOrderAmountQuery", map[string]any{"transaction_id": id})["result_code"])
	require.Equal(t, "FAIL", w.pay(t, "profitSharingQuery", map[string]any{"transaction_id": id, "out_order_no": "P1"})["result_code"])
}
