package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/auth"
)

func TestCaptcha_AfterRepeatedFailures(t *testing.T) {
	var posted []string
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		posted = append(posted, r.PostFormValue("secret")+"/"+r.PostFormValue("response")+"/"+r.PostFormValue("remoteip"))
		switch r.PostFormValue("response") {
		case "solved":
			_, _ = w.Write([]byte(`{"success":true}`))
		case "down":
			w.WriteHeader(http.StatusBadGateway)
		default:
			_, _ = w.Write([]byte(`{"success":false,"error-codes":["invalid-input-response"]}`))
		}
	}))
	t.Cleanup(site.Close)
	s := openWith(t, func(o *auth.Options) { o.Captcha = auth.SiteVerify{URL: site.URL, Secret: "s3cret"} })
	_, err := s.CreateUser(t.Context(), owner, "shop", auth.NewUser{Username: "li", Password: "Pw-12345678"})
	require.NoError(t, err)
	login := func(password, captcha string) error {
		_, err := s.Login(t.Context(), "shop", "password", []byte(`{"username":"li","password":"`+password+`","captcha":"`+captcha+`"}`), home)
		return err
	}
	for range 3 {
		requireReason(t, yunduo.ReasonLoginFailed, login("wrong", ""))
	}
	require.Empty(t, posted)
	requireReason(t, yunduo.ReasonCaptchaRequired, login("Pw-12345678", ""))
	requireReason(t, yunduo.ReasonCaptchaRequired, login("Pw-12345678", "made up"))
	requireReason(t, yunduo.ReasonProviderUnavailable, login("Pw-12345678", "down"))
	requireReason(t, yunduo.ReasonLoginFailed, login("wrong", "solved"))
	require.NoError(t, login("Pw-12345678", "solved"))
	require.Equal(t, "s3cret/solved/"+home.IP, posted[len(posted)-1])
	require.NoError(t, login("Pw-12345678", ""), "a login that went well begins anew")
	for range 3 {
		requireReason(t, yunduo.ReasonLoginFailed, login("wrong", ""))
	}
	s.forward(6 * time.Minute)
	require.NoError(t, login("Pw-12345678", ""), "and so does time")
}

func TestCaptcha_BeforeManyCodes(t *testing.T) {
	s := openWith(t, func(o *auth.Options) {
		o.Sender = auth.SenderFunc(func(context.Context, auth.Code) error { return nil })
		o.Captcha = auth.SiteVerify{URL: "http://127.0.0.1:1"}
	})
	send := func(phone string) error {
		_, err := s.SendCode(t.Context(), "shop", yunduo.Caller{}, auth.CodeRequest{Phone: phone}, home)
		return err
	}
	for _, phone := range []string{"13800000001", "13800000002", "13800000003", "13800000004", "13800000005"} {
		require.NoError(t, send(phone))
	}
	requireReason(t, yunduo.ReasonCaptchaRequired, send("13800000006"))
}

func TestFindUser(t *testing.T) {
	s := open(t)
	made, err := s.CreateUser(t.Context(), owner, "shop", auth.NewUser{Username: "Li", Password: "Pw-12345678"})
	require.NoError(t, err)
	found, err := s.FindUser(t.Context(), owner, "shop", "password", "lI")
	require.NoError(t, err)
	require.Equal(t, made.ID, found.ID)
	phone := signUp(t, s, auth.NewAccount{VerificationToken: proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Phone: "13800000000"})})
	found, err = s.FindUser(t.Context(), owner, "shop", "phone", "138 0000 0000")
	require.NoError(t, err)
	require.Equal(t, phone.User.ID, found.ID)
	for _, none := range [][2]string{{"phone", "13900000000"}, {"email", "li@example.com"}, {"custom", "x"}, {"wechat", "x"}} {
		_, err = s.FindUser(t.Context(), owner, "shop", none[0], none[1])
		requireReason(t, yunduo.ReasonUserNotFound, err)
	}
	_, err = s.FindUser(t.Context(), owner, "shop", "phone", "no number")
	requireReason(t, yunduo.ReasonInvalidRequest, err)
	_, err = s.FindUser(t.Context(), other, "shop", "phone", "13800000000")
	requireReason(t, yunduo.ReasonPermissionDenied, err)
}
