package wechatserver

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

func (s *Server) createOrder(kind string) func(*payRequest) (int, any) {
	return func(r *payRequest) (int, any) {
		var given struct {
			AppID       string `json:"appid"`
			MerchantID  string `json:"mchid"`
			Description string `json:"description"`
			OutTradeNo  string `json:"out_trade_no"`
			NotifyURL   string `json:"notify_url"`
			Attach      string `json:"attach"`
			Amount      struct {
				Total    int64  `json:"total"`
				Currency string `json:"currency"`
			} `json:"amount"`
			Payer struct {
				OpenID string `json:"openid"`
			} `json:"payer"`
		}
		if json.Unmarshal(r.body, &given) != nil {
			return failure(http.StatusBadRequest, "PARAM_ERROR", "the body is not the JSON that was expected")
		}
		notify, err := url.Parse(given.NotifyURL)
		switch {
		case given.MerchantID != r.merchant.ID || given.AppID != r.merchant.AppID:
			return failure(http.StatusBadRequest, "APPID_MCHID_NOT_MATCH", "appid and mchid do not belong together")
		case given.Description == "" || len(given.Description) > 127:
			return failure(http.StatusBadRequest, "PARAM_ERROR", "description: 1 to 127 bytes")
		case !numberForm.MatchString(given.OutTradeNo):
			return failure(http.StatusBadRequest, "PARAM_ERROR", "out_trade_no: 6 to 32 letters, digits and _-|*@")
		case err != nil || notify.Host == "" || notify.RawQuery != "" || len(given.NotifyURL) > 255:
			return failure(http.StatusBadRequest, "PARAM_ERROR", "notify_url: an absolute address without parameters, at most 255 bytes")
		case given.Amount.Total < 1:
			return failure(http.StatusBadRequest, "PARAM_ERROR", "amount.total: a whole number of fen above 0")
		case given.Amount.Currency != "" && given.Amount.Currency != "CNY":
			return failure(http.StatusBadRequest, "PARAM_ERROR", "amount.currency: CNY")
		case kind == "JSAPI" && !openIDForm.MatchString(given.Payer.OpenID):
			return failure(http.StatusBadRequest, "PARAM_ERROR", "payer.openid: no openid of the app")
		case len(given.Attach) > 128:
			return failure(http.StatusBadRequest, "PARAM_ERROR", "attach: at most 128 bytes")
		}
		order := &Order{
			AppID: given.AppID, MerchantID: given.MerchantID, OutTradeNo: given.OutTradeNo, Description: given.Description, Attach: given.Attach, NotifyURL: given.NotifyURL,
			Total: given.Amount.Total, Kind: kind, OpenID: given.Payer.OpenID, PrepayID: "wx" + s.now().Format("20060102150405") + strings.ToLower(randomText(20)), State: "NOTPAY", CreatedAt: s.now().UTC(),
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		key := orderKey(r.merchant.ID, given.OutTradeNo)
		if old := s.orders[key]; old != nil {
			switch {
			case old.State == "SUCCESS" || old.State == "REFUND":
				return failure(http.StatusBadRequest, "ORDERPAID", "the order is paid")
			case old.State == "CLOSED":
				return failure(http.StatusBadRequest, "ORDER_CLOSED", "the order is closed")
			case old.Total != order.Total || old.Description != order.Description || old.OpenID != order.OpenID:
				return failure(http.StatusBadRequest, "INVALID_REQUEST", "out_trade_no names another order")
			}
			order.CreatedAt = old.CreatedAt
		}
		s.orders[key] = order
		switch kind {
		case "NATIVE":
			return http.StatusOK, map[string]any{"code_url": "weixin://wxpay/bizpayurl?pr=" + randomText(9)}
		case "MWEB":
			return http.StatusOK, map[string]any{"h5_url": "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=" + order.PrepayID}
		}
		return http.StatusOK, map[string]any{"prepay_id": order.PrepayID}
	}
}

func orderKey(merchant, number string) string { return merchant + "/" + number }

// find returns an order by one of its two numbers. s.mu is held.
func (s *Server) find(merchant, number, id string) *Order {
	if number != "" {
		return s.orders[orderKey(merchant, number)]
	}
	for _, o := range s.orders {
		if id != "" && o.MerchantID == merchant && o.TransactionID == id {
			return o
		}
	}
	return nil
}

// content is how WeChat Pay tells of an order.
func (o *Order) content() map[string]any {
	text := map[string]string{"NOTPAY": "订单未支付", "SUCCESS": "支付成功", "CLOSED": "订单已关闭", "REFUND": "转入退款"}[o.State]
	m := map[string]any{
		"appid": o.AppID, "mchid": o.MerchantID, "out_trade_no": o.OutTradeNo, "trade_state": o.State, "trade_state_desc": text,
		"amount": map[string]any{"total": o.Total, "currency": "CNY"}, "payer": map[string]any{"openid": o.OpenID}, "attach": o.Attach,
	}
	if o.TransactionID != "" {
		m["transaction_id"], m["trade_type"], m["bank_type"], m["success_time"] = o.TransactionID, o.Kind, "OTHERS", rfc3339(o.PaidAt)
		m["amount"] = map[string]any{"total": o.Total, "payer_total": o.Total, "currency": "CNY", "payer_currency": "CNY"}
	}
	return m
}

func (s *Server) queryOrder(r *payRequest) (int, any) {
	if r.URL.Query().Get("mchid") != r.merchant.ID {
		return failure(http.StatusBadRequest, "PARAM_ERROR", "mchid is missing or another merchant's")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.find(r.merchant.ID, r.PathValue("number"), r.PathValue("id"))
	if o == nil {
		return failure(http.StatusNotFound, "ORDER_NOT_EXIST", "the order does not exist")
	}
	return http.StatusOK, o.content()
}

func (s *Server) closeOrder(r *payRequest) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.find(r.merchant.ID, r.PathValue("number"), "")
	switch {
	case o == nil:
		return failure(http.StatusNotFound, "ORDER_NOT_EXIST", "the order does not exist")
	case o.TransactionID != "":
		return failure(http.StatusBadRequest, "ORDERPAID", "the order is paid")
	}
	o.State = "CLOSED"
	return http.StatusNoContent, nil
}
