package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yunduo"
)

// china is the time zone of the times in WeChat Pay's older form.
var china = time.FixedZone("CST", 8*60*60)

// payCall is one use of cloudPay.
type payCall struct {
	service *Service
	caller  yunduo.Caller
	app     yunduo.AppID
	account Account
	baseURL string
	data    map[string]any
	sub     string // the sub-merchant's number, if the merchant is a service provider
}

// payments are the calls of cloudPay, by name. They take and give the members of the older API in snake_case, which
// existing code is written for, and speak API v3 to WeChat.
var payments = map[string]func(context.Context, *payCall) (map[string]any, error){
	"unifiedOrder": unifiedOrder, "queryOrder": queryOrder, "closeOrder": closeOrder, "refund": refund, "queryRefund": queryRefund,
	"micropay": micropay, "reverse": reverse, "downloadBill": downloadBill, "downloadFundflow": downloadFundflow,
	"profitSharing": profitSharing, "multiProfitSharing": multiProfitSharing, "profitSharingFinish": profitSharingFinish, "profitSharingQuery": profitSharingQuery,
	"profitSharingReturn": profitSharingReturn, "profitSharingReturnQuery": profitSharingReturnQuery, "profitSharingOrderAmountQuery": profitSharingOrderAmountQuery,
	"profitSharingAddReceiver": profitSharingAddReceiver, "profitSharingRemoveReceiver": profitSharingRemoveReceiver,
}

// Pay runs a call of cloudPay. What WeChat Pay refuses is told in the reply (return_code, result_code, err_code,
// err_code_des) and is no error. baseURL is how WeChat reaches this server. Code of the app and who manages it may.
// Errors: permission_denied, unsupported_call, wechat_not_configured, wechat_unavailable.
func (s *Service) Pay(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, api, baseURL string, data map[string]any) (map[string]any, error) {
	if err := ours(caller, app); err != nil {
		return nil, err
	}
	run, ok := payments[api]
	if !ok {
		return nil, yunduo.Errorf(yunduo.ReasonUnsupportedCall, "cloudPay.%s is not available here", clip(api))
	}
	a, err := s.merchant(ctx, app)
	if err != nil {
		return nil, err
	}
	c := &payCall{service: s, caller: caller, app: app, account: a, baseURL: baseURL, data: data}
	var reply map[string]any
	if err = c.choose(api); err == nil {
		reply, err = run(ctx, c)
	}
	if refusal, ok := errors.AsType[*payRefusal](err); ok {
		return c.refused(refusal.code, refusal.message), nil
	}
	return reply, err
}

// merchant returns the account of an app that has a merchant; wechat_not_configured if it has none.
func (s *Service) merchant(ctx context.Context, app yunduo.AppID) (Account, error) {
	a, err := s.account(ctx, app)
	if err != nil {
		return a, err
	}
	if a.Merchant.ID == "" || a.AppID == "" {
		return a, yunduo.Errorf(yunduo.ReasonWechatNotConfigured, "the app %q has no WeChat Pay merchant: set one with \"yunduo wechat set\" or in the console", string(app))
	}
	return a, nil
}

// payRefusal is what WeChat Pay, or this room before it, refuses.
type payRefusal struct{ code, message string }

func (r *payRefusal) Error() string { return r.code + ": " + r.message }

// ok begins a reply that says that WeChat Pay did what was asked.
func (c *payCall) ok() map[string]any {
	reply := c.account.older(c.sub)
	reply["return_code"], reply["return_msg"], reply["result_code"], reply["nonce_str"] = "SUCCESS", "OK", "SUCCESS", nonce()
	return reply
}

// refused is the older form of a refusal. Requests that are wrong in form fail already in their return_code.
func (c *payCall) refused(code, message string) map[string]any {
	reply := c.ok()
	reply["result_code"], reply["err_code"], reply["err_code_des"] = "FAIL", code, message
	switch code {
	case "PARAM_ERROR", "SIGN_ERROR", "INVALID_REQUEST", "APPID_MCHID_NOT_MATCH", "MCH_NOT_EXISTS":
		reply["return_code"], reply["return_msg"] = "FAIL", message
	case "NO_STATEMENT_EXIST": // code that asks for bills looks at these two
		reply["return_code"], reply["return_msg"], reply["error_code"] = "FAIL", "No Bill Exist", "20002"
	case "STATEMENT_CREATING":
		reply["return_code"], reply["return_msg"], reply["error_code"] = "FAIL", "Bill Creating", code
	}
	return reply
}

func (c *payCall) text(name string) string {
	switch v := c.data[name].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case json.Number:
		return v.String()
	}
	return ""
}

// fen is an amount of money in the smallest unit. Code gives numbers and texts of them.
func (c *payCall) fen(name string) (int64, error) {
	n, err := strconv.ParseInt(c.text(name), 10, 64)
	if err != nil || n <= 0 {
		return 0, &payRefusal{"PARAM_ERROR", name + ": an amount is a whole number of fen above 0"}
	}
	return n, nil
}

// send asks WeChat Pay and decodes its answer into into, nil for none.
func (c *payCall) send(ctx context.Context, method, path string, body, into any) error {
	reply, err := c.service.pay(ctx, c.account, method, path, body)
	if err != nil {
		return err
	}
	if reply.status >= 300 {
		var failure struct{ Code, Message string }
		if json.Unmarshal(reply.body, &failure) != nil || failure.Code == "" {
			failure.Code, failure.Message = "SYSTEMERROR", "HTTP status "+strconv.Itoa(reply.status)
		}
		return &payRefusal{failure.Code, failure.Message}
	}
	if into == nil || len(reply.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(reply.body, into); err != nil {
		return unavailable(err)
	}
	return nil
}

// kinds of payment: the older trade type and the path of API v3.
var kinds = map[string]string{"JSAPI": "jsapi", "NATIVE": "native", "MWEB": "h5"}

func unifiedOrder(ctx context.Context, c *payCall) (map[string]any, error) {
	kind := strings.ToUpper(c.text("trade_type"))
	if kind == "" {
		kind = "JSAPI"
	}
	path, ok := kinds[kind]
	if !ok {
		return nil, &payRefusal{"PARAM_ERROR", "tradeType: " + clip(kind) + " is none of JSAPI, NATIVE and MWEB"}
	}
	total, err := c.fen("total_fee")
	if err != nil {
		return nil, err
	}
	notify, err := c.notifyURL("pay")
	if err != nil {
		return nil, err
	}
	scene := map[string]any{"payer_client_ip": firstOf(c.text("spbill_create_ip"), "127.0.0.1")}
	order := c.name(map[string]any{
		"description": c.text("body"), "out_trade_no": c.text("out_trade_no"), "notify_url": notify,
		"amount": map[string]any{"total": total, "currency": firstOf(c.text("fee_type"), "CNY")}, "scene_info": scene,
	}, true)
	c.extras(order)
	if device := c.text("device_info"); device != "" {
		scene["device_id"] = device
	}
	if expire := c.text("time_expire"); expire != "" {
		at, err := time.ParseInLocation("20060102150405", expire, china)
		if err != nil {
			return nil, &payRefusal{"PARAM_ERROR", "timeExpire: " + clip(expire) + " is not yyyyMMddHHmmss"}
		}
		order["time_expire"] = at.Format(time.RFC3339)
	}
	switch kind {
	case "JSAPI":
		order["payer"] = c.payer()
	case "MWEB":
		scene["h5_info"] = map[string]any{"type": "Wap"}
	}
	var made struct {
		PrepayID string `json:"prepay_id"`
		CodeURL  string `json:"code_url"`
		H5URL    string `json:"h5_url"`
	}
	if err := c.send(ctx, http.MethodPost, c.transactions(path), order, &made); err != nil {
		return nil, err
	}
	reply := c.ok()
	reply["trade_type"] = kind
	for name, value := range map[string]string{"prepay_id": made.PrepayID, "code_url": made.CodeURL, "mweb_url": made.H5URL} {
		if value != "" {
			reply[name] = value
		}
	}
	if kind == "JSAPI" {
		if reply["payment"], err = c.payment(made.PrepayID); err != nil {
			return nil, err
		}
	}
	return reply, nil
}

// extras adds to an order what code may say of it.
func (c *payCall) extras(order map[string]any) {
	for _, name := range []string{"attach", "goods_tag"} {
		if text := c.text(name); text != "" {
			order[name] = text
		}
	}
	if c.text("profit_sharing") == "Y" {
		order["settle_info"] = map[string]any{"profit_sharing": true}
	}
}

// payment is what wx.requestPayment takes.
func (c *payCall) payment(prepayID string) (map[string]any, error) {
	stamp, once, pack := strconv.FormatInt(c.service.options.Now().Unix(), 10), nonce(), "prepay_id="+prepayID
	signature, err := c.account.Merchant.signText(c.account.AppID + "\n" + stamp + "\n" + once + "\n" + pack + "\n")
	return map[string]any{"appId": c.account.AppID, "timeStamp": stamp, "nonceStr": once, "package": pack, "signType": "RSA", "paySign": signature}, err
}

// orderPath names an order by one of its two numbers.
func (c *payCall) orderPath() (string, error) {
	if id := c.text("transaction_id"); id != "" {
		return c.transactions("id/" + url.PathEscape(id)), nil
	}
	if number := c.text("out_trade_no"); number != "" {
		return c.transactions("out-trade-no/" + url.PathEscape(number)), nil
	}
	return "", &payRefusal{"PARAM_ERROR", "outTradeNo or transactionId is missing"}
}

func queryOrder(ctx context.Context, c *payCall) (map[string]any, error) {
	path, err := c.orderPath()
	if err != nil {
		return nil, err
	}
	var t transaction
	if err := c.send(ctx, http.MethodGet, path+c.query(), nil, &t); err != nil {
		return nil, err
	}
	reply := c.ok()
	for name, value := range t.older() {
		reply[name] = value
	}
	reply["trade_state"], reply["trade_state_desc"] = t.State, t.StateText
	return reply, nil
}

func closeOrder(ctx context.Context, c *payCall) (map[string]any, error) {
	number := c.text("out_trade_no")
	if number == "" {
		return nil, &payRefusal{"PARAM_ERROR", "outTradeNo is missing"}
	}
	err := c.send(ctx, http.MethodPost, c.transactions("out-trade-no/"+url.PathEscape(number)+"/close"), c.name(map[string]any{}, false), nil)
	return c.ok(), err
}

func refund(ctx context.Context, c *payCall) (map[string]any, error) {
	total, err := c.fen("total_fee")
	if err != nil {
		return nil, err
	}
	part, err := c.fen("refund_fee")
	if err != nil {
		return nil, err
	}
	request := map[string]any{"out_refund_no": c.text("out_refund_no"), "amount": map[string]any{"refund": part, "total": total, "currency": firstOf(c.text("refund_fee_type"), "CNY")}}
	if c.sub != "" {
		request["sub_mchid"] = c.sub
	}
	if _, err := c.orderPath(); err != nil {
		return nil, err
	}
	for to, from := range map[string]string{"transaction_id": "transaction_id", "out_trade_no": "out_trade_no", "reason": "refund_desc"} {
		if text := c.text(from); text != "" {
			request[to] = text
		}
	}
	if request["transaction_id"] != nil {
		delete(request, "out_trade_no")
	}
	if account := c.text("refund_account"); account == "REFUND_SOURCE_RECHARGE_FUNDS" {
		request["funds_account"] = "AVAILABLE"
	}
	if c.text("function_name") != "" {
		if request["notify_url"], err = c.notifyURL("refund"); err != nil {
			return nil, err
		}
	}
	var r refundState
	if err := c.send(ctx, http.MethodPost, "/v3/refund/domestic/refunds", request, &r); err != nil {
		return nil, err
	}
	if err := c.service.rememberRefund(ctx, c.app, r); err != nil {
		return nil, err
	}
	reply := c.ok()
	for name, value := range r.older() {
		reply[name] = value
	}
	return reply, nil
}

func queryRefund(ctx context.Context, c *payCall) (map[string]any, error) {
	number, err := c.refundNumber(ctx)
	if err != nil {
		return nil, err
	}
	path := "/v3/refund/domestic/refunds/" + url.PathEscape(number)
	if c.sub != "" {
		path += "?" + url.Values{"sub_mchid": {c.sub}}.Encode()
	}
	var r refundState
	if err := c.send(ctx, http.MethodGet, path, nil, &r); err != nil {
		return nil, err
	}
	reply := c.ok()
	for name, value := range r.numbered() {
		reply[name] = value
	}
	return reply, nil
}
