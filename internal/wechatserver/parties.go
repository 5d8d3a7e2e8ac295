package wechatserver

import (
	"encoding/json"
	"net/http"
)

// A merchant takes payments for itself, or as a service provider for its sub-merchants: at addresses of their own, with
// other names for the parties. Neither may use the other's addresses.

// parties are those that a request names.
type parties struct {
	AppID      string `json:"appid"`
	MerchantID string `json:"mchid"`
	SpAppID    string `json:"sp_appid"`
	SpID       string `json:"sp_mchid"`
	SubAppID   string `json:"sub_appid"`
	SubID      string `json:"sub_mchid"`
}

// orderRequest is what orders of every kind have.
type orderRequest struct {
	parties
	Description string `json:"description"`
	OutTradeNo  string `json:"out_trade_no"`
	NotifyURL   string `json:"notify_url"`
	Attach      string `json:"attach"`
	Amount      struct {
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
	Settle struct {
		Sharing bool `json:"profit_sharing"`
	} `json:"settle_info"`
	Payer struct {
		OpenID    string `json:"openid"`
		SpOpenID  string `json:"sp_openid"`
		SubOpenID string `json:"sub_openid"`
		AuthCode  string `json:"auth_code"`
	} `json:"payer"`
}

// forKind lets merchants through that are of the kind which the address is for.
func forKind(provider bool, handle func(*payRequest) (int, any)) func(*payRequest) (int, any) {
	return func(r *payRequest) (int, any) {
		if r.merchant.provider() != provider {
			return failure(http.StatusForbidden, "NO_AUTH", "the merchant is of another kind than this address is for")
		}
		return handle(r)
	}
}

func (m *Merchant) provider() bool { return m.SubMerchants != nil }

// checkParties refuses a request that names others than the merchant and what belongs to it; 0 if it does not.
func (r *payRequest) checkParties(p parties, apps bool) (int, any) {
	m := r.merchant
	if !m.provider() {
		if p.MerchantID != m.ID || apps && p.AppID != m.AppID {
			return failure(http.StatusBadRequest, "APPID_MCHID_NOT_MATCH", "appid and mchid do not belong together")
		}
		return 0, nil
	}
	if p.SpID != m.ID || apps && p.SpAppID != m.AppID {
		return failure(http.StatusBadRequest, "APPID_MCHID_NOT_MATCH", "sp_appid and sp_mchid do not belong together")
	}
	if status, answer := r.subMerchant(p.SubID); status != 0 {
		return status, answer
	}
	if p.SubAppID != "" && p.SubAppID != m.SubMerchants[p.SubID] {
		return failure(http.StatusBadRequest, "APPID_MCHID_NOT_MATCH", "sub_appid is not bound to sub_mchid")
	}
	return 0, nil
}

// subMerchant refuses a sub-merchant that is not the provider's, and any that an ordinary merchant names; 0 if it does not.
func (r *payRequest) subMerchant(sub string) (int, any) {
	switch _, known := r.merchant.SubMerchants[sub]; {
	case !r.merchant.provider() && sub == "", known:
		return 0, nil
	case !r.merchant.provider():
		return failure(http.StatusBadRequest, "PARAM_ERROR", "sub_mchid: only a service provider has sub-merchants")
	case sub == "":
		return failure(http.StatusBadRequest, "PARAM_ERROR", "sub_mchid is missing")
	}
	return failure(http.StatusForbidden, "NO_AUTH", "the sub-merchant is not one of the provider's")
}

// bodyParties reads who is named in a body that has nothing else.
func (r *payRequest) bodyParties(apps bool) (p parties, status int, answer any) {
	if json.Unmarshal(r.body, &p) != nil {
		status, answer = failure(http.StatusBadRequest, "PARAM_ERROR", "the body is not the JSON that was expected")
		return p, status, answer
	}
	status, answer = r.checkParties(p, apps)
	return p, status, answer
}

// check refuses an order that is wrong in what orders of every kind have; 0 if it is not.
func (r *payRequest) check(given *orderRequest) (int, any) {
	if status, answer := r.checkParties(given.parties, true); status != 0 {
		return status, answer
	}
	switch {
	case given.Description == "" || len(given.Description) > 127:
		return failure(http.StatusBadRequest, "PARAM_ERROR", "description: 1 to 127 bytes")
	case !numberForm.MatchString(given.OutTradeNo):
		return failure(http.StatusBadRequest, "PARAM_ERROR", "out_trade_no: 6 to 32 letters, digits and _-|*@")
	case given.Amount.Total < 1:
		return failure(http.StatusBadRequest, "PARAM_ERROR", "amount.total: a whole number of fen above 0")
	case given.Amount.Currency != "" && given.Amount.Currency != "CNY":
		return failure(http.StatusBadRequest, "PARAM_ERROR", "amount.currency: CNY")
	case len(given.Attach) > 128:
		return failure(http.StatusBadRequest, "PARAM_ERROR", "attach: at most 128 bytes")
	}
	return 0, nil
}

// payer finds out whose openid an order names. At a provider it is that of the provider's app or, if the order names a
// sub-merchant's app, of that one.
func (r *payRequest) payer(given *orderRequest, kind string) (openID string, status int, answer any) {
	if kind != "JSAPI" {
		return "", 0, nil
	}
	p := given.Payer
	openID = p.OpenID
	if r.merchant.provider() {
		if openID = p.SubOpenID; openID == "" {
			openID = p.SpOpenID
		}
		if p.SubOpenID != "" && given.SubAppID == "" {
			status, answer = failure(http.StatusBadRequest, "PARAM_ERROR", "payer.sub_openid: sub_appid is missing")
			return "", status, answer
		}
	}
	if !openIDForm.MatchString(openID) {
		status, answer = failure(http.StatusBadRequest, "PARAM_ERROR", "payer: no openid of the app")
	}
	return openID, status, answer
}

func (given *orderRequest) order(r *payRequest, kind string) *Order {
	o := &Order{AppID: given.AppID, MerchantID: r.merchant.ID, OutTradeNo: given.OutTradeNo, Description: given.Description, Attach: given.Attach, Total: given.Amount.Total, Kind: kind, sharing: given.Settle.Sharing}
	if r.merchant.provider() {
		o.AppID, o.SubAppID, o.SubID = given.SpAppID, given.SubAppID, given.SubID
	}
	return o
}

// name adds the parties of an order to what is told of it.
func (o *Order) name(m map[string]any) {
	if o.SubID == "" {
		m["appid"], m["mchid"], m["payer"] = o.AppID, o.MerchantID, map[string]any{"openid": o.OpenID}
		return
	}
	m["sp_appid"], m["sp_mchid"], m["sub_mchid"] = o.AppID, o.MerchantID, o.SubID
	payer := map[string]any{"sp_openid": o.OpenID}
	if o.SubAppID != "" {
		m["sub_appid"] = o.SubAppID
		payer = map[string]any{"sp_openid": "sp-" + o.OpenID, "sub_openid": o.OpenID} // a user has one for each app
	}
	m["payer"] = payer
}
