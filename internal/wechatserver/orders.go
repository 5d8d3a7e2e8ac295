package wechatserver

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

func (s *Server) createOrder(kind string) func(*payRequest) (int, any) {
	return func(r *payRequest) (int, any) {
		var given orderRequest
		if json.Unmarshal(r.body, &given) != nil {
			return failure(http.StatusBadRequest, "PARAM_ERROR", "the body is not the JSON that was expected")
		}
		if status, answer := r.check(&given); status != 0 {
			return status, answer
		}
		notify, err := url.Parse(given.NotifyURL)
		payer, status, answer := r.payer(&given, kind)
		switch {
		case err != nil || notify.Host == "" || notify.RawQuery != "" || len(given.NotifyURL) > 255:
			return failure(http.StatusBadRequest, "PARAM_ERROR", "notify_url: an absolute address without parameters, at most 255 bytes")
		case status != 0:
			return status, answer
		}
		order := given.order(r, kind)
		order.NotifyURL, order.OpenID, order.State, order.CreatedAt = given.NotifyURL, payer, "NOTPAY", s.now().UTC()
		order.PrepayID = "wx" + s.now().Format("20060102150405") + strings.ToLower(randomText(20))
		s.mu.Lock()
		defer s.mu.Unlock()
		key := orderKey(r.merchant.ID, given.OutTradeNo)
		if old := s.orders[key]; old != nil {
			switch {
			case old.State == "SUCCESS" || old.State == "REFUND":
				return failure(http.StatusBadRequest, "ORDERPAID", "the order is paid")
			case old.State == "CLOSED":
				return failure(http.StatusBadRequest, "ORDER_CLOSED", "the order is closed")
			case old.Total != order.Total || old.Description != order.Description || old.OpenID != order.OpenID || old.SubID != order.SubID || old.Kind != kind:
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
func (s *Server) find(merchant, sub, number, id string) *Order {
	if number != "" {
		if o := s.orders[orderKey(merchant, number)]; o != nil && o.SubID == sub {
			return o
		}
		return nil
	}
	for _, o := range s.orders {
		if id != "" && o.MerchantID == merchant && o.SubID == sub && o.TransactionID == id {
			return o
		}
	}
	return nil
}

// content is how WeChat Pay tells of an order.
func (o *Order) content() map[string]any {
	text := map[string]string{"NOTPAY": "订单未支付", "SUCCESS": "支付成功", "CLOSED": "订单已关闭", "REFUND": "转入退款", "USERPAYING": "用户支付中", "REVOKED": "已撤销"}[o.State]
	m := map[string]any{
		"out_trade_no": o.OutTradeNo, "trade_state": o.State, "trade_state_desc": text, "amount": map[string]any{"total": o.Total, "currency": "CNY"}, "attach": o.Attach,
	}
	o.name(m)
	if o.TransactionID != "" {
		m["transaction_id"], m["trade_type"], m["bank_type"], m["success_time"] = o.TransactionID, o.Kind, "OTHERS", rfc3339(o.PaidAt)
		m["amount"] = map[string]any{"total": o.Total, "payer_total": o.Total, "currency": "CNY", "payer_currency": "CNY"}
	}
	return m
}

func (s *Server) queryOrder(r *payRequest) (int, any) {
	query := r.URL.Query()
	named := parties{MerchantID: query.Get("mchid"), SpID: query.Get("sp_mchid"), SubID: query.Get("sub_mchid")}
	if status, answer := r.checkParties(named, false); status != 0 {
		return status, answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.find(r.merchant.ID, named.SubID, r.PathValue("number"), r.PathValue("id"))
	if o == nil {
		return failure(http.StatusNotFound, "ORDER_NOT_EXIST", "the order does not exist")
	}
	return http.StatusOK, o.content()
}

func (s *Server) closeOrder(r *payRequest) (int, any) {
	named, status, answer := r.bodyParties(false)
	if status != 0 {
		return status, answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.find(r.merchant.ID, named.SubID, r.PathValue("number"), "")
	switch {
	case o != nil && o.Kind == byCode:
		return failure(http.StatusBadRequest, "INVALID_REQUEST", "an order that is paid by code is reversed, not closed")
	case o == nil:
		return failure(http.StatusNotFound, "ORDER_NOT_EXIST", "the order does not exist")
	case o.TransactionID != "":
		return failure(http.StatusBadRequest, "ORDERPAID", "the order is paid")
	}
	o.State = "CLOSED"
	return http.StatusNoContent, nil
}
