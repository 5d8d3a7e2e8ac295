package wechat

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"yunduo"
)

// early is how long before its end a token is renewed.
const early = 5 * time.Minute

// token is an app's access token for WeChat's server APIs.
type token struct {
	text  string
	until time.Time
}

// expired are the errcodes that say that the token is over: invalid credential, invalid token, token expired.
func expired(errcode int64) bool { return errcode == 40001 || errcode == 40014 || errcode == 42001 }

// token returns the app's access token, from memory or from WeChat, once for all who ask at the same time. refused is
// a token that WeChat does not take any more, empty for none.
//
// stable_token gives every node the same token and leaves earlier ones valid, so that nodes need not share it.
func (s *Service) token(ctx context.Context, a Account, refused string) (string, error) {
	key := a.Endpoint + "\x00" + a.AppID + "\x00" + a.Secret // a new secret never meets the old one's token
	s.mu.Lock()
	t := s.tokens[key]
	s.mu.Unlock()
	if t != nil && t.text != refused && s.options.Now().Before(t.until) {
		return t.text, nil
	}
	// Whoever waits may go away; the renewal goes on for the others.
	result := s.renewals.DoChan(key+"\x00"+refused, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeLimit)
		defer cancel()
		fresh, err := s.renew(ctx, a, false)
		if err == nil && refused != "" && fresh.text == refused {
			fresh, err = s.renew(ctx, a, true)
		}
		if err != nil {
			return "", err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tidy()
		s.tokens[key] = fresh
		return fresh.text, nil
	})
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-result:
		text, _ := r.Val.(string)
		return text, r.Err
	}
}

// tidy drops tokens that are over. s.mu is held.
func (s *Service) tidy() {
	now := s.options.Now()
	for key, t := range s.tokens {
		if now.After(t.until) {
			delete(s.tokens, key)
		}
	}
}

// renew asks WeChat for a token. Forced, it is another one than before.
func (s *Service) renew(ctx context.Context, a Account, force bool) (*token, error) {
	body, err := json.Marshal(map[string]any{"grant_type": "client_credential", "appid": a.AppID, "secret": a.Secret, "force_refresh": force})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.Endpoint+"/cgi-bin/stable_token", bytes.NewReader(body))
	if err != nil {
		return nil, unavailable(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.do(request)
	if err != nil {
		return nil, err
	}
	var given struct {
		Token     string `json:"access_token"`
		ExpiresIn int64  `json:"expires_in"`
		ErrCode   int64  `json:"errcode"`
		ErrMsg    string `json:"errmsg"`
	}
	if err := json.Unmarshal(response.Body, &given); err != nil {
		return nil, unavailable(err)
	}
	if given.Token == "" {
		cause := yunduo.Errorf(yunduo.ReasonInternal, "stable_token answered %d %s", given.ErrCode, given.ErrMsg)
		switch given.ErrCode {
		case 40013, 40125, 40243: // invalid appid, invalid appsecret, secret frozen
			return nil, yunduo.Wrap(cause, yunduo.ReasonWechatNotConfigured, "WeChat does not accept the app's WeChat app ID and secret (errcode %d)", given.ErrCode)
		case 40164: // this server's address is not in the app's list
			return nil, yunduo.Wrap(cause, yunduo.ReasonWechatNotConfigured, "WeChat does not know this server's address: add it to the app's list of allowed addresses (errcode 40164)")
		case 45009, 45011: // quota, minute quota
			return nil, yunduo.Wrap(cause, yunduo.ReasonRateLimited, "WeChat gives this app no more access tokens for now (errcode %d)", given.ErrCode)
		}
		return nil, unavailable(cause)
	}
	life := time.Duration(given.ExpiresIn) * time.Second
	if life > 2*early {
		life -= early
	} else {
		life /= 2
	}
	return &token{text: given.Token, until: s.options.Now().Add(life)}, nil
}
