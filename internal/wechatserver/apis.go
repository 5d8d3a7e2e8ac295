package wechatserver

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
)

const maxBody = 12 << 20

// tokenLife is how long an access token holds.
const tokenLife = 7200 * time.Second

// request is a call with a token that is right.
type request struct {
	*http.Request
	app  *App
	body map[string]any // of JSON
	raw  json.RawMessage
}

func (r *request) text(name string) string {
	text, _ := r.body[name].(string)
	return text
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("/cgi-bin/stable_token", s.stableToken)
	s.mux.HandleFunc("/cgi-bin/token", s.token)
	for path, handle := range map[string]func(http.ResponseWriter, *request){
		"POST /wxa/msg_sec_check":                            s.msgSecCheck,
		"POST /wxa/img_sec_check":                            s.imgSecCheck,
		"POST /wxa/media_check_async":                        s.mediaCheckAsync,
		"POST /cgi-bin/message/subscribe/send":               s.subscribeSend,
		"POST /cgi-bin/message/custom/send":                  s.customSend,
		"POST /cgi-bin/message/custom/typing":                s.customTyping,
		"POST /cgi-bin/message/wxopen/template/send":         s.templateSend,
		"POST /cgi-bin/message/wxopen/template/uniform_send": s.uniformSend,
		"POST /cgi-bin/media/upload":                         s.mediaUpload,
		"GET /cgi-bin/media/get":                             s.mediaGet,
		"POST /wxa/getwxacode":                               s.wxacode,
		"POST /wxa/getwxacodeunlimit":                        s.wxacodeUnlimited,
		"POST /cgi-bin/wxaapp/createwxaqrcode":               s.wxacode,
		"POST /wxa/business/getuserphonenumber":              s.phoneNumber,
		"POST /wxa/getopendata":                              s.openData,
		"POST /wxa/generate_urllink":                         s.urlLink,
		"POST /wxa/generatescheme":                           s.urlScheme,
		"POST /wxa/search/wxaapi_submitpages":                s.submitPages,
		"GET /wxaapi/newtmpl/gettemplate":                    s.templates,
	} {
		s.mux.HandleFunc(path, s.withToken(handle))
	}
	for _, root := range []string{"/wxa/", "/wxaapi/", "/cgi-bin/", "/cv/", "/datacube/"} {
		s.mux.HandleFunc(root, s.withToken(func(w http.ResponseWriter, r *request) {
			refuse(w, 48001, "api unauthorized: the stand-in does not play "+r.URL.Path)
		}))
	}
	s.payRoutes()
	s.deskRoutes()
}

// grant checks an app's credentials; it answers and returns nil if they are wrong.
func (s *Server) grant(w http.ResponseWriter, appID, secret, kind string) *App {
	s.mu.Lock()
	app := s.apps[appID]
	s.mu.Unlock()
	switch {
	case kind != "client_credential":
		refuse(w, 40002, "invalid grant_type")
	case app == nil:
		refuse(w, 40013, "invalid appid")
	case secret == "":
		refuse(w, 41004, "appsecret missing")
	case secret != app.Secret:
		refuse(w, 40125, "invalid appsecret")
	default:
		return app
	}
	return nil
}

// give makes a new token. s.mu is held.
func (s *Server) give(app *App) *token {
	t := &token{app: app.AppID, text: "standin_" + randomText(128), until: s.now().Add(tokenLife)}
	s.tokens[t.text] = t
	s.renewals++
	return t
}

func (s *Server) stableToken(w http.ResponseWriter, r *http.Request) {
	var given struct {
		Kind   string `json:"grant_type"`
		AppID  string `json:"appid"`
		Secret string `json:"secret"`
		Force  bool   `json:"force_refresh"`
	}
	if r.Method != http.MethodPost {
		refuse(w, 43002, "require POST method")
		return
	}
	if json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&given) != nil {
		refuse(w, 47001, "data format error")
		return
	}
	app := s.grant(w, given.AppID, given.Secret, given.Kind)
	if app == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.stable[app.AppID]
	if t == nil || given.Force || !s.now().Before(t.until) {
		t = s.give(app)
		s.stable[app.AppID] = t
	}
	reply(w, map[string]any{"access_token": t.text, "expires_in": int(t.until.Sub(s.now()).Seconds())})
}

// token is the older address, which gives another token every time and ends the one before.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	app := s.grant(w, q.Get("appid"), q.Get("secret"), q.Get("grant_type"))
	if app == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tokens {
		if t.app == app.AppID && t != s.stable[app.AppID] {
			t.until = time.Time{}
		}
	}
	t := s.give(app)
	reply(w, map[string]any{"access_token": t.text, "expires_in": int(tokenLife.Seconds())})
}

// withToken lets requests with a valid access token through.
func (s *Server) withToken(handle func(http.ResponseWriter, *request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text := r.URL.Query().Get("access_token")
		s.mu.Lock()
		t := s.tokens[text]
		var app *App
		live := false
		if t != nil {
			app, live = s.apps[t.app], s.now().Before(t.until)
		}
		s.mu.Unlock()
		switch {
		case text == "":
			refuse(w, 41001, "access_token missing")
			return
		case app == nil:
			refuse(w, 40001, "invalid credential, access_token is invalid or not latest")
			return
		case !live:
			refuse(w, 42001, "access_token expired")
			return
		}
		call := &request{Request: r, app: app}
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			var err error
			if call.raw, err = io.ReadAll(io.LimitReader(r.Body, maxBody)); err != nil || json.Unmarshal(call.raw, &call.body) != nil {
				refuse(w, 47001, "data format error")
				return
			}
		}
		handle(w, call)
	}
}

var openIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// user checks an openid and answers if it is wrong.
func (r *request) user(w http.ResponseWriter, name string) (string, bool) {
	id := r.text(name)
	if !openIDForm.MatchString(id) {
		refuse(w, 40003, "invalid openid")
		return "", false
	}
	return id, true
}

// note remembers what an app sent.
func (s *Server) note(r *request, kind, openID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const most = 1000
	if len(s.sent) >= most {
		s.sent = s.sent[1:]
	}
	s.sent = append(s.sent, Sent{At: s.now().UTC(), AppID: r.app.AppID, Kind: kind, OpenID: openID, Body: r.raw})
}
