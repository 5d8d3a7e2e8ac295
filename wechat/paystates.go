package wechat

import "time"

// transaction is a payment as API v3 tells it.
type transaction struct {
	parties
	OutTradeNo    string `json:"out_trade_no"`
	TransactionID string `json:"transaction_id"`
	TradeType     string `json:"trade_type"`
	State         string `json:"trade_state"`
	StateText     string `json:"trade_state_desc"`
	Bank          string `json:"bank_type"`
	Attach        string `json:"attach"`
	SuccessTime   string `json:"success_time"`
	Payer         struct {
		OpenID    string `json:"openid"`
		SpOpenID  string `json:"sp_openid"`
		SubOpenID string `json:"sub_openid"`
	} `json:"payer"`
	Amount struct {
		Total         int64  `json:"total"`
		PayerTotal    int64  `json:"payer_total"`
		Currency      string `json:"currency"`
		PayerCurrency string `json:"payer_currency"`
	} `json:"amount"`
}

// user is the payer's openid at the app.
func (t *transaction) user() string {
	return firstOf(t.Payer.OpenID, t.Payer.SubOpenID, t.Payer.SpOpenID)
}

// older are the members of the older API, in snake_case.
func (t *transaction) older() map[string]any {
	m := map[string]any{
		"out_trade_no": t.OutTradeNo, "transaction_id": t.TransactionID, "trade_type": t.TradeType, "bank_type": t.Bank, "attach": t.Attach,
		"openid": firstOf(t.Payer.OpenID, t.Payer.SpOpenID), "sub_openid": t.user(), "is_subscribe": "N", "sub_is_subscribe": "N",
		"total_fee": t.Amount.Total, "fee_type": t.Amount.Currency, "cash_fee": t.Amount.PayerTotal, "cash_fee_type": t.Amount.PayerCurrency,
		"time_end": olderTime(t.SuccessTime),
	}
	for name, value := range m {
		if value == "" {
			delete(m, name)
		}
	}
	if t.SuccessTime == "" { // nothing was paid yet
		delete(m, "cash_fee")
	}
	return m
}

// olderTime writes a time as yyyyMMddHHmmss in China.
func olderTime(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return ""
	}
	return at.In(china).Format("20060102150405")
}

// refundState is a refund as API v3 tells it, in answers (status, amount) and in notifications (refund_status).
type refundState struct {
	parties
	RefundID      string `json:"refund_id"`
	OutRefundNo   string `json:"out_refund_no"`
	TransactionID string `json:"transaction_id"`
	OutTradeNo    string `json:"out_trade_no"`
	Channel       string `json:"channel"`
	Account       string `json:"user_received_account"`
	SuccessTime   string `json:"success_time"`
	Status        string `json:"status"`
	RefundStatus  string `json:"refund_status"`
	Funds         string `json:"funds_account"`
	Amount        struct {
		Total       int64 `json:"total"`
		Refund      int64 `json:"refund"`
		PayerTotal  int64 `json:"payer_total"`
		PayerRefund int64 `json:"payer_refund"`
	} `json:"amount"`
}

// state is the refund's status in the older words.
func (r *refundState) state() string {
	status := r.Status
	if status == "" {
		status = r.RefundStatus
	}
	switch status {
	case "CLOSED":
		return "REFUNDCLOSE"
	case "ABNORMAL":
		return "CHANGE"
	}
	return status
}

// older are the members of the older API's refund.
func (r *refundState) older() map[string]any {
	return map[string]any{
		"transaction_id": r.TransactionID, "out_trade_no": r.OutTradeNo, "out_refund_no": r.OutRefundNo, "refund_id": r.RefundID,
		"refund_fee": r.Amount.Refund, "total_fee": r.Amount.Total, "cash_fee": r.Amount.PayerTotal, "cash_refund_fee": r.Amount.PayerRefund,
		"settlement_refund_fee": r.Amount.Refund, "settlement_total_fee": r.Amount.Total, "refund_channel": r.Channel,
	}
}

// numbered are the members of the older API's queryRefund, which numbers the refunds of an order.
func (r *refundState) numbered() map[string]any {
	m := map[string]any{
		"transaction_id": r.TransactionID, "out_trade_no": r.OutTradeNo, "total_fee": r.Amount.Total, "cash_fee": r.Amount.PayerTotal, "refund_count": 1,
		"refund_fee": r.Amount.Refund, "out_refund_no_0": r.OutRefundNo, "refund_id_0": r.RefundID, "refund_fee_0": r.Amount.Refund, "refund_channel_0": r.Channel,
		"settlement_refund_fee_0": r.Amount.Refund, "refund_status_0": r.state(), "refund_recv_accout_0": r.Account,
	}
	if r.SuccessTime != "" {
		if at, err := time.Parse(time.RFC3339, r.SuccessTime); err == nil {
			m["refund_success_time_0"] = at.In(china).Format("2006-01-02 15:04:05")
		}
	}
	return m
}

// event is what a function gets when the refund is done: the members of the older notification.
func (r *refundState) event() map[string]any {
	m := map[string]any{
		"transaction_id": r.TransactionID, "out_trade_no": r.OutTradeNo, "refund_id": r.RefundID, "out_refund_no": r.OutRefundNo,
		"total_fee": r.Amount.Total, "settlement_total_fee": r.Amount.PayerTotal, "refund_fee": r.Amount.Refund, "settlement_refund_fee": r.Amount.PayerRefund,
		"refund_status": r.state(), "refund_recv_accout": r.Account, "refund_account": "REFUND_SOURCE_UNSETTLED_FUNDS", "refund_request_source": "API",
	}
	if at, err := time.Parse(time.RFC3339, r.SuccessTime); err == nil {
		m["success_time"] = at.In(china).Format("2006-01-02 15:04:05")
	}
	return m
}
