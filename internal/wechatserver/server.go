// Package wechatserver is a small stand-in for WeChat's server APIs, WeChat Pay (API v3) and the message push: for
// tests, and for "yunduo dev" when an app has no secret. It checks what WeChat checks (credentials, tokens, parameters,
// signatures) and answers with WeChat's numbers; what it does not play it refuses.
package wechatserver

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// App is a mini-program that the stand-in knows.
type App struct {
	AppID, Secret string
	PushURL       string // where messages are pushed to
	Token         string // of the message push
	AESKey        string // EncodingAESKey; empty pushes in plain mode
	XML           bool   // pushes XML rather than JSON
}

// Merchant is an account with WeChat Pay.
type Merchant struct {
	ID, Serial, APIv3Key string
	PublicKey            *rsa.PublicKey // of the merchant's API certificate
	AppID                string
	// SubMerchants makes the merchant a service provider: the numbers of its sub-merchants with the app ID that each is
	// bound to, empty for none.
	SubMerchants map[string]string

	wanted string // which of WeChat Pay's keys it verifies with, as its last request said
}

// Server is the stand-in. It is safe for concurrent use.
type Server struct {
	client   *http.Client
	now      func() time.Time
	identity func() (identity, error) // of WeChat Pay; made when it is first needed
	mux      *http.ServeMux

	mu        sync.Mutex
	apps      map[string]*App
	merchants map[string]*Merchant
	tokens    map[string]*token // by text
	stable    map[string]*token // by app ID
	orders    map[string]*Order
	refunds   map[string]*Refund
	receivers map[string]receiver // of parts of payments
	sharings  map[string]*sharing
	givenBack map[string]*givenBack
	bills     map[string]bill // by the token of their address
	media     map[string]upload
	cloudIDs  map[string]cloudID
	wrote     map[string]time.Time // app ID and openid: when a user last wrote
	sent      []Sent
	renewals  int
	wg        sync.WaitGroup
}

type token struct {
	app   string
	text  string
	until time.Time
}

type upload struct {
	contentType string
	content     []byte
}

type cloudID struct {
	app, openID string
	data        json.RawMessage
}

// Sent is something that an app sent to a user.
type Sent struct {
	At     time.Time       `json:"at"`
	AppID  string          `json:"appId"`
	Kind   string          `json:"kind"` // subscribe, custom, uniform, template
	OpenID string          `json:"openId"`
	Body   json.RawMessage `json:"body"`
}

// New returns a stand-in that knows nobody.
func New() *Server {
	s := &Server{
		client: &http.Client{Timeout: 70 * time.Second}, now: time.Now, identity: sync.OnceValues(makeIdentity),
		apps: map[string]*App{}, merchants: map[string]*Merchant{}, tokens: map[string]*token{}, stable: map[string]*token{},
		orders: map[string]*Order{}, refunds: map[string]*Refund{}, receivers: map[string]receiver{}, sharings: map[string]*sharing{}, givenBack: map[string]*givenBack{}, bills: map[string]bill{}, media: map[string]upload{}, cloudIDs: map[string]cloudID{}, wrote: map[string]time.Time{},
	}
	s.routes()
	return s
}

// SetNow sets the clock, for tests.
func (s *Server) SetNow(now func() time.Time) { s.now = now }

// PublicKey returns WeChat Pay's public key with its ID, as a merchant downloads them.
func (s *Server) PublicKey() (id, text string, err error) {
	own, err := s.identity()
	return own.keyID, own.publicKey, err
}

// AddApp makes an app known, or changes it.
func (s *Server) AddApp(app App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[app.AppID] = &app
}

// AddMerchant makes a merchant known, or changes it.
func (s *Server) AddMerchant(m Merchant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.merchants[m.ID] = &m
}

// Renewals tells how often a new access token was given.
func (s *Server) Renewals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.renewals
}

// EndTokens lets every access token expire now.
func (s *Server) EndTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tokens {
		t.until = time.Time{}
	}
}

// Sent lists what apps sent to users, the oldest first.
func (s *Server) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Sent(nil), s.sent...)
}

// MakeCloudID gives a user of an app a cloud ID for some data, as wx.cloud.CloudID takes it.
func (s *Server) MakeCloudID(appID, openID string, data json.RawMessage) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := "38_" + randomText(40)
	s.cloudIDs[id] = cloudID{appID, openID, data}
	return id
}

// Close waits for messages that are on their way.
func (s *Server) Close() { s.wg.Wait() }

// ServeHTTP answers as WeChat would.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func randomText(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b)
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(value) // who went away needs no answer
}

// refuse answers with one of WeChat's numbers.
func refuse(w http.ResponseWriter, code int, message string) {
	reply(w, map[string]any{"errcode": code, "errmsg": message + " rid: " + randomText(8)})
}

func ok(w http.ResponseWriter) { reply(w, map[string]any{"errcode": 0, "errmsg": "ok"}) }
