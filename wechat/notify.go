package wechat

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"yunduo"
)

// notifyURL is where WeChat Pay tells what became of an order, which ends at the function that the call names. The
// address carries a proof that this server made it, so that nobody can send a payment's notification elsewhere.
func (c *payCall) notifyURL(kind string) (string, error) {
	function := c.text("function_name")
	if function == "" {
		function = "-" // no function's name: the notification is accepted and nobody is told
	}
	if len(function) > 64 {
		return "", &payRefusal{"PARAM_ERROR", "functionName: longer than 64 bytes"}
	}
	return strings.Join([]string{c.baseURL, "v1/apps", string(c.app), "wechat", kind, url.PathEscape(function), c.service.proof(c.app, kind, function)}, "/"), nil
}

// proof is what tells an address for notifications from one that was made up.
func (s *Service) proof(app yunduo.AppID, kind, function string) string {
	mac := hmac.New(sha256.New, s.options.Key)
	mac.Write([]byte("notify\x00" + string(app) + "\x00" + kind + "\x00" + function))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// Notification is what WeChat Pay sent.
type Notification struct {
	App                   yunduo.AppID
	Kind, Function, Proof string // of the address
	Header                http.Header
	Body                  []byte
}

// Notify takes a notification of WeChat Pay: its signature is verified, its content decrypted and handed to the
// function that the order named. A nil error tells WeChat Pay that it need not send it again. Errors:
// signature_invalid, wechat_not_configured, function_error and those of the invocation.
func (s *Service) Notify(ctx context.Context, n Notification) error {
	if !hmac.Equal([]byte(n.Proof), []byte(s.proof(n.App, n.Kind, n.Function))) {
		return yunduo.Errorf(yunduo.ReasonSignatureInvalid, "this address for notifications was not made by this server")
	}
	a, err := s.merchant(ctx, n.App)
	if err != nil {
		return err
	}
	if err := s.verify(ctx, a, n.Header, n.Body); err != nil {
		return yunduo.Wrap(err, yunduo.ReasonSignatureInvalid, "the notification does not bear WeChat Pay's signature")
	}
	var envelope struct {
		Type     string   `json:"event_type"`
		Resource Resource `json:"resource"`
	}
	if err := json.Unmarshal(n.Body, &envelope); err != nil {
		return yunduo.Wrap(err, yunduo.ReasonMalformedJSON, "the notification is no JSON")
	}
	content, err := envelope.Resource.open(a.Merchant.APIv3Key)
	if err != nil {
		return yunduo.Wrap(err, yunduo.ReasonSignatureInvalid, "the notification cannot be decrypted with the merchant's API v3 key")
	}
	event, openID, err := a.event(n.Kind, content)
	if err != nil || n.Function == "-" {
		return err
	}
	return s.tell(ctx, n, a, event, openID)
}

// event is what the function of a notification gets.
func (a Account) event(kind string, content []byte) (event map[string]any, openID string, err error) {
	unreadable := func(err error) error {
		return yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the notification's content cannot be understood")
	}
	var sub string
	switch kind {
	case "pay":
		var t transaction
		if err := json.Unmarshal(content, &t); err != nil {
			return nil, "", unreadable(err)
		}
		if err := a.refuse(t.parties, true); err != nil {
			return nil, "", err
		}
		event, openID, sub = t.older(), t.user(), t.SubID
		event["result_code"] = "SUCCESS"
		if t.State != "SUCCESS" {
			event["result_code"], event["err_code"], event["err_code_des"] = "FAIL", t.State, t.StateText
		}
	case "refund":
		var r refundState
		if err := json.Unmarshal(content, &r); err != nil {
			return nil, "", unreadable(err)
		}
		if err := a.refuse(r.parties, false); err != nil {
			return nil, "", err
		}
		event, sub = r.event(), r.SubID
	default:
		return nil, "", yunduo.Errorf(yunduo.ReasonUnknownOperation, "there is nothing at this address")
	}
	event["return_code"], event["nonce_str"] = "SUCCESS", nonce()
	for name, value := range a.older(sub) {
		event[name] = value
	}
	return event, openID, nil
}

// tell runs the function. It must answer {errcode: 0}, or WeChat Pay is asked to send the notification again.
func (s *Service) tell(ctx context.Context, n Notification, a Account, event map[string]any, openID string) error {
	camel := make(map[string]any, len(event)+1)
	for name, value := range event {
		camel[camelCase(name)] = value
	}
	camel["userInfo"] = map[string]any{"appId": a.AppID, "openId": openID}
	text, err := json.Marshal(camel)
	if err != nil {
		return err
	}
	result, err := s.invoker.InvokeWeChat(ctx, n.App, n.Function, openID, a.AppID, text)
	if err != nil {
		return err
	}
	var reply struct {
		ErrCode *json.Number `json:"errcode"`
		ErrMsg  any          `json:"errmsg"`
	}
	if json.Unmarshal(result, &reply) != nil || reply.ErrCode == nil || reply.ErrCode.String() != "0" {
		return yunduo.Errorf(yunduo.ReasonFunctionError, "the function %s did not answer {errcode: 0} to the notification of a payment; WeChat Pay will send it again", n.Function)
	}
	return nil
}

// camelCase writes snake_case as camelCase.
func camelCase(s string) string {
	parts := strings.Split(s, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}
