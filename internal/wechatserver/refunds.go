package wechatserver

import (
	"encoding/json"
	"net/http"
)

func (s *Server) refund(r *payRequest) (int, any) {
	var given struct {
		SubID         string `json:"sub_mchid"`
		TransactionID string `json:"transaction_id"`
		OutTradeNo    string `json:"out_trade_no"`
		OutRefundNo   string `json:"out_refund_no"`
		NotifyURL     string `json:"notify_url"`
		Amount        struct{ Refund, Total int64 }
	}
	if json.Unmarshal(r.body, &given) != nil || given.OutRefundNo == "" || len(given.OutRefundNo) > 64 {
		return failure(http.StatusBadRequest, "PARAM_ERROR", "out_refund_no is missing")
	}
	if status, answer := r.subMerchant(given.SubID); status != 0 {
		return status, answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.find(r.merchant.ID, given.SubID, given.OutTradeNo, given.TransactionID)
	old := s.refunds[orderKey(r.merchant.ID, given.OutRefundNo)]
	switch {
	case o == nil || o.TransactionID == "":
		return failure(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "the order does not exist or is not paid")
	case old != nil && (old.OutTradeNo != o.OutTradeNo || old.Refund != given.Amount.Refund):
		return failure(http.StatusBadRequest, "INVALID_REQUEST", "out_refund_no names another refund")
	case old != nil:
		return http.StatusOK, old.content("PROCESSING")
	case given.Amount.Total != o.Total:
		return failure(http.StatusBadRequest, "INVALID_REQUEST", "amount.total is not that of the order")
	case given.Amount.Refund < 1 || given.Amount.Refund > o.Total-o.refunded:
		return failure(http.StatusBadRequest, "INVALID_REQUEST", "amount.refund is more than what is left of the order")
	}
	f := &Refund{
		ID: "503" + digits(22), OutRefundNo: given.OutRefundNo, OutTradeNo: o.OutTradeNo, TransactionID: o.TransactionID, MerchantID: o.MerchantID, SubID: o.SubID, order: o,
		NotifyURL: given.NotifyURL, Refund: given.Amount.Refund, Total: o.Total, At: s.now(),
	}
	s.refunds[orderKey(r.merchant.ID, f.OutRefundNo)] = f
	o.refunded += f.Refund
	o.State = "REFUND"
	if f.NotifyURL != "" {
		merchant, content := *r.merchant, f.content("SUCCESS")
		delete(content, "status")
		content["refund_status"] = "SUCCESS"
		if f.SubID == "" {
			content["mchid"] = f.MerchantID
		} else {
			content["sp_mchid"], content["sub_mchid"] = f.MerchantID, f.SubID
		}
		s.wg.Go(func() { _ = s.notify(&merchant, f.NotifyURL, "REFUND.SUCCESS", "refund", content) })
	}
	return http.StatusOK, f.content("PROCESSING")
}

func (f *Refund) content(status string) map[string]any {
	m := map[string]any{
		"refund_id": f.ID, "out_refund_no": f.OutRefundNo, "transaction_id": f.TransactionID, "out_trade_no": f.OutTradeNo, "channel": "ORIGINAL",
		"user_received_account": "支付用户零钱", "status": status, "create_time": rfc3339(f.At), "funds_account": "UNSETTLED",
		"amount": map[string]any{"total": f.Total, "refund": f.Refund, "payer_total": f.Total, "payer_refund": f.Refund, "currency": "CNY"},
	}
	if status == "SUCCESS" {
		m["success_time"] = rfc3339(f.At)
	}
	return m
}

func (s *Server) queryRefund(r *payRequest) (int, any) {
	sub := r.URL.Query().Get("sub_mchid")
	if status, answer := r.subMerchant(sub); status != 0 {
		return status, answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.refunds[orderKey(r.merchant.ID, r.PathValue("number"))]
	if f == nil || f.SubID != sub {
		return failure(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "the refund does not exist")
	}
	return http.StatusOK, f.content("SUCCESS")
}
