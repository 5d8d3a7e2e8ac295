package auth

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"yunduo"
)

// Attempts after which a person has to prove to be one, on servers that can tell.
const (
	captchaPerName = 3  // failed logins to an account, within throttleWindow
	captchaPerIP   = 20 // failed logins from an address, within throttleWindow
	captchaCodes   = 5  // codes asked for from an address, within codesWindow
)

const maxCaptcha = 8 << 10 // bytes of what a widget gives

// Captcha tells people and machines apart.
type Captcha interface {
	// Verify judges what a client's widget gave: captcha_required if it proves nothing, provider_unavailable if that
	// cannot be told.
	Verify(ctx context.Context, app yunduo.AppID, response, ip string) error
}

// SiteVerify is the check that the makers of such widgets offer alike (reCAPTCHA, hCaptcha, Turnstile): a form with
// secret, response and remoteip is posted, and the JSON that comes back says "success".
type SiteVerify struct {
	URL    string
	Secret string
	Client *http.Client // nil is one with a time limit
}

var _ Captcha = SiteVerify{}

// Verify implements Captcha.
func (v SiteVerify) Verify(ctx context.Context, _ yunduo.AppID, response, ip string) error {
	unavailable := func(cause error) error {
		return yunduo.Wrap(cause, yunduo.ReasonProviderUnavailable, "the captcha cannot be checked now; try again later")
	}
	form := url.Values{"secret": {v.Secret}, "response": {response}}
	if ip != "" {
		form.Set("remoteip", ip)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, v.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return unavailable(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := v.Client
	if client == nil {
		client = &http.Client{Timeout: webhookTime}
	}
	reply, err := client.Do(request)
	if err != nil {
		return unavailable(err)
	}
	defer reply.Body.Close()
	var judged struct {
		Success bool `json:"success"`
	}
	text, err := io.ReadAll(io.LimitReader(reply.Body, 64<<10))
	if err == nil {
		err = json.Unmarshal(text, &judged)
	}
	switch {
	case err != nil || reply.StatusCode >= http.StatusInternalServerError:
		return unavailable(err)
	case !judged.Success:
		return captchaRequired()
	}
	return nil
}

func captchaRequired() error {
	return yunduo.Errorf(yunduo.ReasonCaptchaRequired, "too many attempts: solve the captcha and send what it gives as \"captcha\"")
}

// human asks for a captcha where one of the counters has reached its number. Servers without one ask nobody.
func (s *Service) human(ctx context.Context, app yunduo.AppID, response, ip string, counters ...limit) error {
	if s.captcha == nil || !s.throttle.reached(counters...) {
		return nil
	}
	if response == "" || len(response) > maxCaptcha {
		return captchaRequired()
	}
	return s.captcha.Verify(ctx, app, response, ip)
}
