package auth

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"yunduo"
)

// noSender is for servers on which nobody has said how codes are sent.
type noSender struct{}

func (noSender) Send(_ context.Context, code Code) error {
	return yunduo.Errorf(yunduo.ReasonProviderUnavailable, "codes by %s cannot be sent: the server has no sender of codes", code.Channel)
}

// SenderFunc is a function that sends codes.
type SenderFunc func(ctx context.Context, code Code) error

// Send calls the function.
func (f SenderFunc) Send(ctx context.Context, code Code) error { return f(ctx, code) }

const webhookTime = 10 * time.Second

// Webhook sends codes by posting them to an address of the operator's choice, as JSON with app, channel, to, code (or
// token, of a link) and usage. The header X-Yunduo-Signature is the HMAC-SHA256 of the body with a secret, in hexadecimal digits. Any status
// but 2xx means that the code could not be sent.
type Webhook struct {
	URL    string
	Secret string
	Client *http.Client // nil is one with a time limit
}

var _ Sender = Webhook{}

// Send posts the code.
func (w Webhook) Send(ctx context.Context, code Code) error {
	failed := func(cause error) error {
		return yunduo.Wrap(cause, yunduo.ReasonProviderUnavailable, "the code could not be sent; try again later")
	}
	message := map[string]string{"app": string(code.App), "channel": code.Channel, "to": code.To, "usage": code.Usage}
	if code.Token != "" {
		message["token"] = code.Token
	} else {
		message["code"] = code.Code
	}
	body, err := json.Marshal(message)
	if err != nil {
		return failed(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return failed(err)
	}
	mac := hmac.New(sha256.New, []byte(w.Secret))
	mac.Write(body)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Yunduo-Signature", hex.EncodeToString(mac.Sum(nil)))
	client := w.Client
	if client == nil {
		client = &http.Client{Timeout: webhookTime}
	}
	response, err := client.Do(request)
	if err != nil {
		return failed(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)); err != nil {
		return failed(err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return failed(yunduo.Errorf(yunduo.ReasonProviderUnavailable, "the sender of codes answered %s", response.Status))
	}
	return nil
}
