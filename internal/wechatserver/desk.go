package wechatserver

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"time"
)

//go:embed desk.html
var deskText string

var desk = template.Must(template.New("desk").Parse(deskText))

// deskRoutes are where a developer does what users do: pays orders, writes messages. They are no part of WeChat.
func (s *Server) deskRoutes() {
	s.mux.HandleFunc("GET /{$}", s.page)
	s.mux.HandleFunc("GET /standin/orders", func(w http.ResponseWriter, _ *http.Request) { reply(w, map[string]any{"orders": s.Orders()}) })
	s.mux.HandleFunc("GET /standin/sent", func(w http.ResponseWriter, _ *http.Request) { reply(w, map[string]any{"sent": s.Sent()}) })
	s.mux.HandleFunc("POST /standin/pay", deskRow(func(given struct {
		OutTradeNo string `json:"outTradeNo"`
		On         string `json:"on"` // a day of the past, to have the payment in its bill
	}) (any, error) {
		at := s.now()
		if given.On != "" {
			day, err := time.ParseInLocation(time.DateOnly, given.On, china)
			if err != nil || day.After(at) {
				return nil, fmt.Errorf("on: %q is no day of the past like 2026-03-09", given.On)
			}
			if noon := day.Add(12 * time.Hour); noon.Before(at) {
				at = noon
			}
		}
		order, err := s.PayAt(given.OutTradeNo, at)
		return map[string]any{"order": order}, err
	}))
	s.mux.HandleFunc("POST /standin/messages", deskRow(func(given struct {
		AppID   string         `json:"appId"`
		Message map[string]any `json:"message"`
	}) (any, error) {
		if given.AppID == "" {
			given.AppID = s.onlyApp()
		}
		answer, err := s.Send(given.AppID, given.Message)
		return map[string]any{"answer": answer}, err
	}))
	s.mux.HandleFunc("POST /standin/cloudIds", deskRow(func(given struct {
		AppID  string          `json:"appId"`
		OpenID string          `json:"openId"`
		Data   json.RawMessage `json:"data"`
	}) (any, error) {
		if given.AppID == "" {
			given.AppID = s.onlyApp()
		}
		return map[string]any{"cloudID": s.MakeCloudID(given.AppID, given.OpenID, given.Data)}, nil
	}))
}

// deskRow decodes a request of the desk. Pages of other origins may not act here: a form of theirs has another content
// type, and a script of theirs is stopped by the browser before it sends this one.
func deskRow[T any](run func(T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if origin := r.Header.Get("Origin"); origin != "" {
			if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
				http.Error(w, "another origin", http.StatusForbidden)
				return
			}
		}
		if r.Header.Get("Content-Type") != "application/json" {
			http.Error(w, "the body must be application/json", http.StatusUnsupportedMediaType)
			return
		}
		var given T
		if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&given); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := run(given)
		if err != nil {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusConflict)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
			return
		}
		reply(w, answer)
	}
}

func (s *Server) onlyApp() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.apps {
		return id
	}
	return ""
}

func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'")
	_ = desk.Execute(w, map[string]any{"Orders": s.Orders(), "Sent": s.Sent()})
}
