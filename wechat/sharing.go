package wechat

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Profit sharing: what was paid for an order goes in parts to receivers that were made known before. The calls of the
// older API, spoken as API v3.
// https://developers.weixin.qq.com/miniprogram/dev/wxcloudservice/wxcloud/reference-sdk-api/open/pay/CloudPay.profitSharingFinish.html
// https://github.com/wechatpay-apiv3/wechatpay-go/tree/main/services/profitsharing

// sharingReceiver is somebody who gets a part, in both APIs.
type sharingReceiver struct {
	Type        string `json:"type"`
	Account     string `json:"account"`
	Name        string `json:"name,omitempty"` // encrypted in API v3
	Amount      int64  `json:"amount,omitempty"`
	Description string `json:"description,omitempty"`
	Relation    string `json:"relation_type,omitempty"`
	Custom      string `json:"custom_relation,omitempty"`
}

const (
	toMerchant  = "MERCHANT_ID"
	toOpenID    = "PERSONAL_OPENID"
	toSubOpenID = "PERSONAL_SUB_OPENID"
)

// sharing begins a request about profit sharing.
func (c *payCall) sharing(request map[string]any, apps bool) map[string]any {
	m := c.account.Merchant
	if apps {
		request["appid"] = firstOf(m.ProviderAppID, c.account.AppID)
	}
	if m.provider() {
		request["sub_mchid"] = c.sub
		if sub := c.account.subAppID(); apps && sub != "" {
			request["sub_appid"] = sub
		}
	}
	return request
}

// copied copies the members that a request has in both APIs. Those that are missing are refused.
func (c *payCall) copied(request map[string]any, names ...string) error {
	for _, name := range names {
		text := c.text(name)
		if text == "" {
			return &payRefusal{"PARAM_ERROR", name + " is missing"}
		}
		request[name] = text
	}
	return nil
}

// members reads a member that is JSON text in the older API and may be a value as well.
func (c *payCall) members(name string, into any) error {
	text, ok := c.data[name].(string)
	if !ok {
		raw, err := json.Marshal(c.data[name])
		if err != nil {
			return err
		}
		text = string(raw)
	}
	if json.Unmarshal([]byte(text), into) != nil || text == "null" {
		return &payRefusal{"PARAM_ERROR", name + ": neither what is expected nor the JSON text of it"}
	}
	return nil
}

// receiver makes a receiver fit for API v3. The key by which the name is encrypted is looked up once.
func (c *payCall) receiver(ctx context.Context, r sharingReceiver, key *payKey) (sharingReceiver, error) {
	switch {
	case r.Account == "":
		return r, &payRefusal{"PARAM_ERROR", "receiver: account is missing"}
	case r.Type == toSubOpenID && (!c.account.Merchant.provider() || c.account.subAppID() == ""):
		r.Type = toOpenID // to code of WeChat's cloud, everybody is some provider's sub-merchant
	}
	if r.Name == "" {
		return r, nil
	}
	var err error
	r.Name, err = key.encrypt(ctx, c, r.Name)
	return r, err
}

func profitSharing(ctx context.Context, c *payCall) (map[string]any, error) {
	return c.share(ctx, true)
}

func multiProfitSharing(ctx context.Context, c *payCall) (map[string]any, error) {
	return c.share(ctx, false)
}

// share asks for parts of an order; last says that the merchant keeps the rest.
func (c *payCall) share(ctx context.Context, last bool) (map[string]any, error) {
	request := c.sharing(map[string]any{"unfreeze_unsplit": last}, true)
	if err := c.copied(request, "transaction_id", "out_order_no"); err != nil {
		return nil, err
	}
	var receivers []sharingReceiver
	if err := c.members("receivers", &receivers); err != nil {
		return nil, err
	}
	var key payKey
	for i := range receivers {
		var err error
		receivers[i].Relation, receivers[i].Custom = "", ""
		if receivers[i], err = c.receiver(ctx, receivers[i], &key); err != nil {
			return nil, err
		}
	}
	request["receivers"] = receivers
	return c.shared(ctx, http.MethodPost, "/v3/profitsharing/orders", key.body(request))
}

func profitSharingFinish(ctx context.Context, c *payCall) (map[string]any, error) {
	request := c.sharing(map[string]any{}, false)
	if err := c.copied(request, "transaction_id", "out_order_no", "description"); err != nil {
		return nil, err
	}
	return c.shared(ctx, http.MethodPost, "/v3/profitsharing/orders/unfreeze", request)
}

func profitSharingQuery(ctx context.Context, c *payCall) (map[string]any, error) {
	named := map[string]any{}
	if err := c.copied(named, "transaction_id", "out_order_no"); err != nil {
		return nil, err
	}
	return c.shared(ctx, http.MethodGet, "/v3/profitsharing/orders/"+url.PathEscape(c.text("out_order_no"))+c.sharingQuery("transaction_id"), nil)
}

// sharingQuery names the sub-merchant, and what else is asked for, in an address.
func (c *payCall) sharingQuery(name string) string {
	values := url.Values{name: {c.text(name)}}
	if c.sub != "" {
		values.Set("sub_mchid", c.sub)
	}
	return "?" + values.Encode()
}

// shared sends a request about the sharing of an order, and tells it as the older API does.
func (c *payCall) shared(ctx context.Context, method, path string, body any) (map[string]any, error) {
	var answer struct {
		TransactionID string           `json:"transaction_id"`
		OutOrderNo    string           `json:"out_order_no"`
		OrderID       string           `json:"order_id"`
		State         string           `json:"state"`
		Receivers     []map[string]any `json:"receivers"`
	}
	if err := c.send(ctx, method, path, body, &answer); err != nil {
		return nil, err
	}
	reply := c.ok()
	reply["transaction_id"], reply["out_order_no"], reply["order_id"], reply["status"] = answer.TransactionID, answer.OutOrderNo, answer.OrderID, answer.State
	for _, r := range answer.Receivers {
		if at, ok := r["finish_time"].(string); ok {
			r["finish_time"] = olderTime(at)
		}
		delete(r, "create_time")
	}
	if len(answer.Receivers) > 0 {
		text, err := json.Marshal(answer.Receivers)
		if err != nil {
			return nil, err
		}
		reply["receivers"] = string(text) // JSON text in the older API
	}
	return reply, nil
}

func profitSharingReturn(ctx context.Context, c *payCall) (map[string]any, error) {
	request := c.sharing(map[string]any{}, false)
	if err := c.copied(request, "out_return_no", "description"); err != nil {
		return nil, err
	}
	amount, err := c.fen("return_amount")
	if err != nil {
		return nil, err
	}
	request["amount"], request["return_mchid"] = amount, c.text("return_account")
	if kind := c.text("return_account_type"); kind != "" && kind != toMerchant || c.text("return_account") == "" {
		return nil, &payRefusal{"PARAM_ERROR", "returnAccount: the number of a merchant; nobody else gives back"}
	}
	switch order, number := c.text("order_id"), c.text("out_order_no"); {
	case order != "":
		request["order_id"] = order
	case number != "":
		request["out_order_no"] = number
	default:
		return nil, &payRefusal{"PARAM_ERROR", "orderId or outOrderNo is missing"}
	}
	return c.returned(ctx, http.MethodPost, "/v3/profitsharing/return-orders", request)
}

func profitSharingReturnQuery(ctx context.Context, c *payCall) (map[string]any, error) {
	named := map[string]any{} // API v3 does not find returns by orderId
	if err := c.copied(named, "out_return_no", "out_order_no"); err != nil {
		return nil, err
	}
	return c.returned(ctx, http.MethodGet, "/v3/profitsharing/return-orders/"+url.PathEscape(c.text("out_return_no"))+c.sharingQuery("out_order_no"), nil)
}

// returned sends a request about what a receiver gives back.
func (c *payCall) returned(ctx context.Context, method, path string, body any) (map[string]any, error) {
	var answer struct {
		OrderID     string `json:"order_id"`
		OutOrderNo  string `json:"out_order_no"`
		OutReturnNo string `json:"out_return_no"`
		ReturnID    string `json:"return_id"`
		ReturnMchID string `json:"return_mchid"`
		Amount      int64  `json:"amount"`
		Description string `json:"description"`
		Result      string `json:"result"`
		FailReason  string `json:"fail_reason"`
		FinishTime  string `json:"finish_time"`
	}
	if err := c.send(ctx, method, path, body, &answer); err != nil {
		return nil, err
	}
	reply := c.ok()
	for name, value := range map[string]string{
		"order_id": answer.OrderID, "out_order_no": answer.OutOrderNo, "out_return_no": answer.OutReturnNo, "return_no": answer.ReturnID,
		"return_account_type": toMerchant, "return_account": answer.ReturnMchID, "description": answer.Description, "result": answer.Result,
		"fail_reason": answer.FailReason, "finish_time": olderTime(answer.FinishTime),
	} {
		if value != "" {
			reply[name] = value
		}
	}
	reply["return_amount"] = answer.Amount
	return reply, nil
}

// profitSharingOrderAmountQuery tells how much of an order is left to be shared. API v3 asks for no sub-merchant: that
// the order is the app's is found out before.
func profitSharingOrderAmountQuery(ctx context.Context, c *payCall) (map[string]any, error) {
	id := c.text("transaction_id")
	if id == "" {
		return nil, &payRefusal{"PARAM_ERROR", "transactionId is missing"}
	}
	if c.account.Merchant.provider() {
		if err := c.send(ctx, http.MethodGet, c.transactions("id/"+url.PathEscape(id))+c.query(), nil, nil); err != nil {
			return nil, err
		}
	}
	var answer struct {
		TransactionID string `json:"transaction_id"`
		Left          int64  `json:"unsplit_amount"`
	}
	if err := c.send(ctx, http.MethodGet, "/v3/profitsharing/transactions/"+url.PathEscape(id)+"/amounts", nil, &answer); err != nil {
		return nil, err
	}
	reply := c.ok()
	reply["transaction_id"], reply["unsplit_amount"] = answer.TransactionID, answer.Left
	return reply, nil
}

func profitSharingAddReceiver(ctx context.Context, c *payCall) (map[string]any, error) {
	return c.changeReceiver(ctx, "add")
}

func profitSharingRemoveReceiver(ctx context.Context, c *payCall) (map[string]any, error) {
	return c.changeReceiver(ctx, "delete")
}

func (c *payCall) changeReceiver(ctx context.Context, verb string) (map[string]any, error) {
	var given sharingReceiver
	if err := c.members("receiver", &given); err != nil {
		return nil, err
	}
	shown := given
	shown.Name, shown.Amount, shown.Description = "", 0, ""
	if verb == "delete" {
		given.Name = ""
	}
	var key payKey
	r, err := c.receiver(ctx, given, &key)
	if err != nil {
		return nil, err
	}
	request := c.sharing(map[string]any{"type": r.Type, "account": r.Account}, true)
	if verb == "add" {
		for name, text := range map[string]string{"name": r.Name, "relation_type": r.Relation, "custom_relation": r.Custom} {
			if text != "" {
				request[name] = text
			}
		}
	}
	if err := c.send(ctx, http.MethodPost, "/v3/profitsharing/receivers/"+verb, key.body(request), nil); err != nil {
		return nil, err
	}
	text, err := json.Marshal(shown)
	if err != nil {
		return nil, err
	}
	reply := c.ok()
	reply["receiver"] = string(text)
	return reply, nil
}
