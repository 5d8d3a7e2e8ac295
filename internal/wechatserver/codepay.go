package wechatserver

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// byCode is the kind of orders that are paid by the code which a payer shows.
const byCode = "MICROPAY"

// codeForm are payment codes. One that ends with 99 asks the payer for a password, one with 98 cannot pay.
var codeForm = regexp.MustCompile(`^1[0-5][0-9]{16}$`)

func (s *Server) payByCode(r *payRequest) (int, any) {
	var given struct {
		orderRequest
		Scene struct {
			DeviceIP string `json:"device_ip"`
			Store    struct {
				ID    string `json:"id"`
				OutID string `json:"out_id"`
			} `json:"store_info"`
		} `json:"scene_info"`
	}
	if json.Unmarshal(r.body, &given) != nil {
		return failure(http.StatusBadRequest, "PARAM_ERROR", "the body is not the JSON that was expected")
	}
	if status, answer := r.check(&given.orderRequest); status != 0 {
		return status, answer
	}
	code := given.Payer.AuthCode
	switch {
	case given.Scene.Store.ID == "" && given.Scene.Store.OutID == "":
		return failure(http.StatusBadRequest, "PARAM_ERROR", "scene_info.store_info: id or out_id is missing")
	case !codeForm.MatchString(code):
		return failure(http.StatusBadRequest, "PARAM_ERROR", "payer.auth_code: 18 digits that begin with 10 to 15")
	}
	order := given.order(r, byCode)
	order.OpenID, order.State, order.CreatedAt, order.code = "standin-payer", "USERPAYING", s.now().UTC(), code
	s.mu.Lock()
	defer s.mu.Unlock()
	key := orderKey(r.merchant.ID, given.OutTradeNo)
	if s.orders[key] != nil {
		return failure(http.StatusForbidden, "OUT_TRADE_NO_USED", "out_trade_no names an order that there is")
	}
	for _, other := range s.orders {
		if other.code == code {
			return failure(http.StatusBadRequest, "PARAM_ERROR", "payer.auth_code: the code was used")
		}
	}
	if strings.HasSuffix(code, "98") {
		return failure(http.StatusForbidden, "TRADE_ERROR", "the payer cannot pay")
	}
	s.orders[key] = order
	if strings.HasSuffix(code, "99") {
		return http.StatusOK, map[string]any{"trade_state": order.State}
	}
	order.pay(s.now())
	return http.StatusOK, order.content()
}

func (s *Server) reverseOrder(r *payRequest) (int, any) {
	named, status, answer := r.bodyParties(true)
	if status != 0 {
		return status, answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.find(r.merchant.ID, named.SubID, r.PathValue("number"), "")
	switch {
	case o == nil:
		return failure(http.StatusNotFound, "ORDER_NOT_EXIST", "the order does not exist")
	case o.Kind != byCode:
		return failure(http.StatusBadRequest, "INVALID_REQUEST", "only orders that are paid by code can be reversed")
	case o.State == "REFUND":
		return failure(http.StatusBadRequest, "INVALID_REQUEST", "the order was refunded")
	case o.State != "REVOKED":
		if o.State == "SUCCESS" {
			f := &Refund{
				ID: "503" + digits(22), OutRefundNo: "reverse" + digits(20), OutTradeNo: o.OutTradeNo, TransactionID: o.TransactionID, MerchantID: o.MerchantID, SubID: o.SubID,
				Refund: o.Total, Total: o.Total, At: s.now(), order: o,
			}
			s.refunds[orderKey(r.merchant.ID, f.OutRefundNo)] = f
			o.refunded = o.Total
		}
		o.State = "REVOKED"
	}
	m := map[string]any{"out_trade_no": o.OutTradeNo}
	o.name(m)
	delete(m, "payer")
	return http.StatusOK, m
}
