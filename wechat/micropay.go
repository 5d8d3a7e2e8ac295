package wechat

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// micropay takes a payment by the code that the payer shows. There is no notification: the answer says what became of
// it, and an order whose payer is asked for a password is queried until it is paid, or reversed.
// https://pay.weixin.qq.com/doc/v3/merchant/4012382150
func micropay(ctx context.Context, c *payCall) (map[string]any, error) {
	total, err := c.fen("total_fee")
	if err != nil {
		return nil, err
	}
	code := c.text("auth_code")
	if code == "" {
		return nil, &payRefusal{"PARAM_ERROR", "authCode is missing: the code that the payer shows"}
	}
	scene, err := c.scene()
	if err != nil {
		return nil, err
	}
	order := c.name(map[string]any{
		"description": c.text("body"), "out_trade_no": c.text("out_trade_no"), "payer": map[string]any{"auth_code": code},
		"amount": map[string]any{"total": total, "currency": firstOf(c.text("fee_type"), "CNY")}, "scene_info": scene,
	}, true)
	c.extras(order)
	var t transaction
	if err := c.send(ctx, http.MethodPost, c.transactions("codepay"), order, &t); err != nil {
		return nil, err
	}
	reply := c.ok()
	reply["trade_state"] = t.State
	if t.State != "SUCCESS" { // WeChat Pay may tell the state and nothing else
		reply["result_code"], reply["err_code"], reply["out_trade_no"] = "FAIL", t.State, c.text("out_trade_no")
		reply["err_code_des"] = firstOf(t.StateText, "not paid yet: query the order until it is, or reverse it")
		return reply, nil
	}
	for name, value := range t.older() {
		reply[name] = value
	}
	return reply, nil
}

// scene says where a payer shows a code. WeChat Pay wants to know the shop, by its own number (id) or by the merchant's
// (out_id): without either it is the app.
func (c *payCall) scene() (map[string]any, error) {
	scene := map[string]any{"device_ip": firstOf(c.text("spbill_create_ip"), "127.0.0.1")}
	if device := c.text("device_info"); device != "" {
		scene["device_id"] = device
	}
	given := c.data["scene_info"]
	if text, ok := given.(string); ok && text != "" { // a JSON text in the older API
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			return nil, &payRefusal{"PARAM_ERROR", "sceneInfo: neither an object nor the JSON text of one"}
		}
	}
	store := map[string]any{}
	if info, ok := given.(map[string]any); ok {
		if s, ok := info["store_info"].(map[string]any); ok {
			for _, name := range []string{"id", "out_id"} {
				if text, ok := s[name].(string); ok && text != "" {
					store[name] = text
				}
			}
		}
	}
	if len(store) == 0 {
		store["out_id"] = string(c.app)
	}
	scene["store_info"] = store
	return scene, nil
}

// reverse ends an order that was to be paid by code: who paid gets the money back, who did not cannot any more.
func reverse(ctx context.Context, c *payCall) (map[string]any, error) {
	number := c.text("out_trade_no")
	if number == "" {
		return nil, &payRefusal{"PARAM_ERROR", "outTradeNo is missing"}
	}
	if err := c.send(ctx, http.MethodPost, c.transactions("out-trade-no/"+url.PathEscape(number)+"/reverse"), c.name(map[string]any{}, true), nil); err != nil {
		return nil, err
	}
	reply := c.ok()
	reply["recall"] = "N" // whether to try again
	return reply, nil
}
