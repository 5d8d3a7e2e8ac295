package wire

import "encoding/json"

// WeChatCallRequest calls a server API of WeChat's. A file travels as the attachment.
type WeChatCallRequest struct {
	// API is its name after cloud.openapi, as "security.msgSecCheck", or its address with dots, as
	// "wxa.business.getuserphonenumber".
	API    string                     `json:"api"`
	Method string                     `json:"method,omitempty"` // for an address: GET or POST, which is the default
	Data   map[string]json.RawMessage `json:"data,omitempty"`   // in WeChat's spelling, snake_case
	File   *WeChatFile                `json:"file,omitempty"`
}

// WeChatFile says which parameter the attachment is.
type WeChatFile struct {
	Field       string `json:"field"`
	Name        string `json:"name,omitempty"`
	ContentType string `json:"contentType,omitempty"`
	Content     []byte `json:"content,omitempty"` // instead of the attachment, where there can be none
}

// WeChatCallResponse is what WeChat answered: Body with errcode and errmsg if that is JSON, else the attachment.
type WeChatCallResponse struct {
	ContentType string          `json:"contentType"`
	Body        json.RawMessage `json:"body,omitempty"`
}

// OpenDataRequest opens cloud IDs.
type OpenDataRequest struct {
	List []string `json:"list"`
}

// OpenDataResponse holds {cloudID, data} or {cloudID, errCode, errMsg} for each cloud ID, in their order.
type OpenDataResponse struct {
	List []json.RawMessage `json:"list"`
}

// PayRequest is a call of cloudPay with its members in snake_case.
type PayRequest struct {
	API  string         `json:"api"`
	Data map[string]any `json:"data,omitempty"`
}

// PayResponse is the reply in the form of WeChat Pay's older API, in snake_case.
type PayResponse struct {
	Result map[string]any `json:"result"`
}

// WeChatMerchant is an account with WeChat Pay. Replies leave out its secrets.
type WeChatMerchant struct {
	ID          string `json:"id"`
	Serial      string `json:"serial,omitempty"`
	PrivateKey  string `json:"privateKey,omitempty"` // PEM; never in replies
	APIv3Key    string `json:"apiV3Key,omitempty"`   // never in replies
	PublicKeyID string `json:"publicKeyId,omitempty"`
	PublicKey   string `json:"publicKey,omitempty"`
	// ProviderAppID says that the merchant is a service provider: the app ID that it is bound to.
	ProviderAppID string `json:"providerAppId,omitempty"`
	// SubMerchants are the numbers of the provider's sub-merchants that the app serves; "*" stands for all.
	SubMerchants []string `json:"subMerchants,omitempty"`
}

// WeChatRoute sends pushed messages to a function; empty members match anything.
type WeChatRoute struct {
	Type     string `json:"type,omitempty"`
	Event    string `json:"event,omitempty"`
	Function string `json:"function"`
}

// WeChatSettings are an app's settings for WeChat, without secrets.
type WeChatSettings struct {
	AppID     string          `json:"appId,omitempty"`
	HasSecret bool            `json:"hasSecret"`
	Merchant  *WeChatMerchant `json:"merchant,omitempty"`
	HasToken  bool            `json:"hasToken"`
	HasAESKey bool            `json:"hasAesKey"`
	Routes    []WeChatRoute   `json:"routes"`
	// PushURL is the address to give WeChat for its message push.
	PushURL string `json:"pushUrl"`
	// StandIn plays WeChat, because the app has no secret and this is a development server.
	StandIn *WeChatStandIn `json:"standIn,omitempty"`
}

// WeChatStandIn is where a stand-in for WeChat is, and what the app is called there.
type WeChatStandIn struct {
	URL        string `json:"url"`
	AppID      string `json:"appId"`
	MerchantID string `json:"merchantId"`
}

// WeChatSettingsRequest changes an app's settings for WeChat; absent members stay as they are.
type WeChatSettingsRequest struct {
	AppID    *string         `json:"appId,omitempty"`
	Secret   *string         `json:"secret,omitempty"`
	Merchant *WeChatMerchant `json:"merchant,omitempty"` // an empty id removes it
	Token    *string         `json:"token,omitempty"`
	AESKey   *string         `json:"aesKey,omitempty"`
	Routes   *[]WeChatRoute  `json:"routes,omitempty"`
}
