package wechat

import (
	"net/url"
	"slices"

	"yunduo"
)

// Who pays whom. A merchant of the ordinary kind takes payments for itself; a service provider takes them for its
// sub-merchants, at addresses of their own, and names four parties where the ordinary merchant names two.
// https://pay.weixin.qq.com/doc/v3/partner/4012523579

// parties are those that WeChat Pay names in what it tells of a payment or refund.
type parties struct {
	AppID      string `json:"appid"`
	MerchantID string `json:"mchid"`
	SpAppID    string `json:"sp_appid"`
	SpID       string `json:"sp_mchid"`
	SubAppID   string `json:"sub_appid"`
	SubID      string `json:"sub_mchid"`
}

// subAppID is the app ID that a provider names beside its own; empty if the app's is its own.
func (a Account) subAppID() string {
	if a.AppID == a.Merchant.ProviderAppID {
		return ""
	}
	return a.AppID
}

// refuse says why a notification is not about a payment of the app's; nil if it is. Several apps may have one provider,
// and so one key: that a notification can be opened does not make it this app's. Refunds name no app IDs.
func (a Account) refuse(p parties, withApps bool) error {
	m := a.Merchant
	mine := p.MerchantID == m.ID && (!withApps || p.AppID == a.AppID)
	if m.provider() {
		mine = p.SpID == m.ID && m.serves(p.SubID) && (!withApps || p.SpAppID == m.ProviderAppID && p.SubAppID == a.subAppID())
	}
	if !mine {
		return yunduo.Errorf(yunduo.ReasonSignatureInvalid, "the notification is about another merchant's order")
	}
	return nil
}

// older names the parties as the older API does. An ordinary merchant is its own sub-merchant there: code that was
// written for WeChat's cloud, where everybody is some provider's sub-merchant, reads those members.
func (a Account) older(sub string) map[string]any {
	m := a.Merchant
	if !m.provider() {
		return map[string]any{"appid": a.AppID, "mch_id": m.ID, "sub_appid": a.AppID, "sub_mch_id": m.ID}
	}
	named := map[string]any{"appid": m.ProviderAppID, "mch_id": m.ID, "sub_appid": a.AppID}
	if sub != "" {
		named["sub_mch_id"] = sub
	}
	return named
}

// choose finds the sub-merchant that a call is for. A provider's call may leave it out if there is one alone; what asks
// about the provider itself gives the provider's own number or, if all sub-merchants are the app's, none.
func (c *payCall) choose(api string) error {
	m, sub := c.account.Merchant, c.text("sub_mch_id")
	if !m.provider() {
		if sub != "" && sub != m.ID && !c.account.AnyMerchant {
			return &payRefusal{"PARAM_ERROR", "subMchId: the app's merchant is " + m.ID}
		}
		return nil
	}
	if given := c.text("sub_appid"); given != "" && given != c.account.AppID {
		return &payRefusal{"PARAM_ERROR", "subAppid: the app's WeChat app ID is " + c.account.AppID}
	}
	if sub == "" && len(m.SubMerchants) == 1 && m.SubMerchants[0] != anySub {
		sub = m.SubMerchants[0]
	}
	switch {
	case sub == "" && api == "downloadBill" && slices.Contains(m.SubMerchants, anySub), sub == m.ID && api == "downloadFundflow":
		return nil
	case sub == "":
		return &payRefusal{"PARAM_ERROR", "subMchId is missing: the app's merchant is a service provider"}
	case !m.serves(sub):
		return &payRefusal{"PARAM_ERROR", "subMchId: " + clip(sub) + " is none of the sub-merchants that are set for the app"}
	}
	c.sub = sub
	return nil
}

// transactions is the address of something about payments.
func (c *payCall) transactions(rest string) string {
	if c.account.Merchant.provider() {
		return "/v3/pay/partner/transactions/" + rest
	}
	return "/v3/pay/transactions/" + rest
}

// name adds the parties to a request; without apps to one that names merchants alone.
func (c *payCall) name(request map[string]any, apps bool) map[string]any {
	a, m := c.account, c.account.Merchant
	if !m.provider() {
		request["mchid"] = m.ID
		if apps {
			request["appid"] = a.AppID
		}
		return request
	}
	request["sp_mchid"], request["sub_mchid"] = m.ID, c.sub
	if apps {
		request["sp_appid"] = m.ProviderAppID
		if sub := a.subAppID(); sub != "" {
			request["sub_appid"] = sub
		}
	}
	return request
}

// query names the merchants in an address.
func (c *payCall) query() string {
	if c.account.Merchant.provider() {
		return "?" + url.Values{"sp_mchid": {c.account.Merchant.ID}, "sub_mchid": {c.sub}}.Encode()
	}
	return "?" + url.Values{"mchid": {c.account.Merchant.ID}}.Encode()
}

// payer names who is to pay. Users have an openid for each app: at a provider that is not the app itself, "openid" is
// the provider's and "subOpenid" the app's, as in the older API, except that a function's caller is known by the app's.
func (c *payCall) payer() map[string]any {
	openID, sub := c.text("openid"), c.text("sub_openid")
	switch {
	case !c.account.Merchant.provider():
		return map[string]any{"openid": firstOf(openID, sub, c.caller.OpenID)}
	case c.account.subAppID() == "":
		return map[string]any{"sp_openid": firstOf(openID, sub, c.caller.OpenID)}
	case sub == "" && openID != "" && openID != c.caller.OpenID:
		return map[string]any{"sp_openid": openID}
	}
	return map[string]any{"sub_openid": firstOf(sub, c.caller.OpenID)}
}

// firstOf returns the first text that is not empty.
func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
