package cloudbase

import (
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"yunduo"
)

// captchaLife is for how many seconds clients may use what a captcha's page gave. It is good once or twice with those
// who make captchas, so that keeping it for longer gains nothing.
const captchaLife = 60

// captchaData says the same to version 3 of the client SDK, which adds a query to the address and leaves it to the app to
// show the page and to take what it gives.
func (s *surface) captchaData(c echo.Context) error {
	if s.CaptchaPage == "" {
		return noCaptchaPage()
	}
	return answer(c, map[string]any{"data": s.CaptchaPage, "token": yunduo.NewName(), "expires_in": captchaLife})
}

func noCaptchaPage() error {
	return yunduo.Errorf(yunduo.ReasonUnknownOperation, "this server has no page for captchas; its operator can name one with --captcha-page")
}

// initCaptcha says where a client finds the captcha: at the operator's page, which sends it back to redirect_uri with
// captcha_token, or with error. Only pages of the app's own origins are sent there, and back.
func (s *surface) initCaptcha(c echo.Context) error {
	var body struct {
		ClientID    string `json:"client_id"`
		RedirectURI string `json:"redirect_uri"`
		State       string `json:"state"`
	}
	if err := decodeBody(c, maxCredential, &body); err != nil {
		return err
	}
	if s.CaptchaPage == "" {
		return noCaptchaPage()
	}
	if body.ClientID == "" {
		body.ClientID = c.QueryParam("client_id")
	}
	app, err := s.appOr(c, body.ClientID)
	if err != nil {
		return err
	}
	back, err := url.Parse(body.RedirectURI)
	if err != nil || back.Scheme != "http" && back.Scheme != "https" || back.Host == "" {
		return yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "redirect_uri: not the address of a page")
	}
	if !s.PageAllowed(c.Request().Context(), back.Scheme+"://"+back.Host, app) {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "redirect_uri: pages of %s are not among the app's allowed origins", clip(back.Host))
	}
	page, err := url.Parse(s.CaptchaPage)
	if err != nil {
		return yunduo.Wrap(err, yunduo.ReasonInternal, "the page for captchas has no address")
	}
	query := page.Query()
	query.Set("client_id", string(app))
	query.Set("redirect_uri", body.RedirectURI)
	query.Set("state", body.State)
	query.Set("expires_in", strconv.Itoa(captchaLife))
	page.RawQuery = query.Encode()
	return answer(c, map[string]any{"url": page.String(), "expires_in": captchaLife})
}
