package wechat_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/apps"
	"yunduo/data/documents"
	"yunduo/data/documents/embedded"
	"yunduo/internal/wechatserver"
	"yunduo/wechat"
)

const (
	app      = yunduo.AppID("shop")
	appID    = "wx0123456789abcdef"
	secret   = "s3cret"
	mchID    = "1900009191"
	serial   = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
	apiV3Key = "0123456789abcdef0123456789abcdef"
	token    = "pushToken1"
	aesKey   = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
)

var merchantKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// world is the room with a stand-in for WeChat, and what was handed to functions.
type world struct {
	*wechat.Service
	stand *wechatserver.Server
	url   string // of the stand-in
	own   string // of what plays this server for WeChat's requests
	apps  *apps.Registry

	sessionKey string
	mu         sync.Mutex
	calls      []call
	answer     func(call) (string, error)
}

type call struct {
	function, openID, appID string
	event                   map[string]any
}

func (w *world) InvokeWeChat(_ context.Context, _ yunduo.AppID, function, openID, wechatAppID string, event json.RawMessage) (json.RawMessage, error) {
	c := call{function: function, openID: openID, appID: wechatAppID}
	if err := json.Unmarshal(event, &c.event); err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.calls = append(w.calls, c)
	answer := w.answer
	w.mu.Unlock()
	if answer == nil {
		return json.RawMessage(`{"errcode":0}`), nil
	}
	text, err := answer(c)
	return json.RawMessage(text), err
}

func (w *world) WeChatSessionKey(context.Context, yunduo.Caller) (string, error) {
	return w.sessionKey, nil
}

func (w *world) taken() []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.calls
	w.calls = nil
	return taken
}

// open makes a world whose app has a secret, a merchant and a message push.
func open(t *testing.T, change func(*wechat.Options)) *world {
	t.Helper()
	engine, err := embedded.Open(t.TempDir(), embedded.Options{CacheBytes: 1 << 20, MemtableBytes: 1 << 20, DiskReserve: -1})
	require.NoError(t, err)
	db := documents.New(engine, documents.Options{})
	w := &world{stand: wechatserver.New()}
	front := httptest.NewServer(w.stand)
	w.url = front.URL
	ours := httptest.NewServer(http.HandlerFunc(w.serve))
	w.own = ours.URL
	t.Cleanup(func() {
		require.NoError(t, w.Close(context.Background()))
		w.stand.Close()
		front.Close()
		ours.Close()
		db.Close()
		require.NoError(t, engine.Close())
	})
	vault, err := apps.NewVaultFromSeed(make([]byte, 32))
	require.NoError(t, err)
	w.apps, err = apps.New(db, apps.Options{Key: make([]byte, 32), Vault: vault})
	require.NoError(t, err)
	o := wechat.Options{Key: make([]byte, 32), Sealer: vault, Endpoint: front.URL, PayEndpoint: front.URL + "/", ReplyWithin: time.Minute, Client: &http.Client{Timeout: time.Minute}}
	if change != nil {
		change(&o)
	}
	w.Service, err = wechat.New(db, w.apps, w, w, o)
	require.NoError(t, err)
	_, err = w.apps.Create(t.Context(), yunduo.System(""), apps.App{ID: app, WeChat: apps.WeChat{AppID: appID, Secret: secret}})
	require.NoError(t, err)
	w.stand.AddApp(wechatserver.App{AppID: appID, Secret: secret, PushURL: ours.URL + "/push", Token: token})
	return w
}

// merchant gives the app a merchant, whose WeChat Pay is known by its public key or by its certificates.
func (w *world) merchant(t *testing.T, byKey bool) {
	t.Helper()
	key, err := merchantKey()
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	m := wechat.Merchant{ID: mchID, Serial: serial, APIv3Key: apiV3Key, PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
	if byKey {
		m.PublicKeyID, m.PublicKey, err = w.stand.PublicKey()
		require.NoError(t, err)
	}
	_, err = w.SetSettings(t.Context(), owner(), app, wechat.Change{Merchant: &m})
	require.NoError(t, err)
	w.stand.AddMerchant(wechatserver.Merchant{ID: mchID, Serial: serial, APIv3Key: apiV3Key, PublicKey: &key.PublicKey, AppID: appID})
}

// provider makes the merchant a service provider, whose app ID is given, with the sub-merchants that are set for the app.
func (w *world) provider(t *testing.T, providerAppID string, subs ...string) {
	t.Helper()
	w.merchant(t, true)
	_, err := w.SetSettings(t.Context(), owner(), app, wechat.Change{Merchant: &wechat.Merchant{ID: mchID, ProviderAppID: providerAppID, SubMerchants: subs}})
	require.NoError(t, err)
	key, err := merchantKey()
	require.NoError(t, err)
	w.stand.AddMerchant(wechatserver.Merchant{
		ID: mchID, Serial: serial, APIv3Key: apiV3Key, PublicKey: &key.PublicKey, AppID: providerAppID,
		SubMerchants: map[string]string{"1600000001": appID, "1600000002": appID, "1600000003": ""},
	})
}

// push sets the message push, at WeChat too.
func (w *world) push(t *testing.T, key string, xml bool, routes ...wechat.Route) {
	t.Helper()
	given := token
	_, err := w.SetSettings(t.Context(), owner(), app, wechat.Change{Token: &given, AESKey: &key, Routes: &routes})
	require.NoError(t, err)
	w.stand.AddApp(wechatserver.App{AppID: appID, Secret: secret, PushURL: w.own + "/push", Token: token, AESKey: key, XML: xml})
}

func owner() yunduo.Caller { return yunduo.Caller{App: app, Role: yunduo.RoleOwner} }

// code is a function that runs for a user.
func code(openID string) yunduo.Caller {
	return yunduo.Caller{App: app, Role: yunduo.RoleFunction, OpenID: openID, UserID: "u-" + openID, SessionID: "s", Function: "f"}
}

func raw(t *testing.T, text string) map[string]json.RawMessage {
	t.Helper()
	var m map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(text), &m))
	return m
}

func requireReason(t *testing.T, err error, want yunduo.Reason) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, yunduo.ReasonOf(err), "%v", err)
}

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// verifyPayment checks paySign as WeChat's client does.
func verifyPayment(payment map[string]any) error {
	key, err := merchantKey()
	if err != nil {
		return err
	}
	signature, err := base64.StdEncoding.DecodeString(payment["paySign"].(string))
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(appID + "\n" + payment["timeStamp"].(string) + "\n" + payment["nonceStr"].(string) + "\n" + payment["package"].(string) + "\n"))
	return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature)
}

// newRecorder starts a server that keeps the last request and agrees to it.
func newRecorder(t *testing.T, seen *recorder) string {
	t.Helper()
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		*seen = recorder{header: r.Header.Clone(), path: r.URL.Path, body: body}
		_, _ = rw.Write([]byte(`{"code":"SUCCESS"}`))
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// capture makes the stand-in push to somebody who keeps the message and does not hand it on.
func (w *world) capture(t *testing.T, seen chan<- wechat.Message) {
	t.Helper()
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		seen <- wechat.Message{App: app, Query: r.URL.Query(), Body: body}
		_, _ = rw.Write([]byte("success"))
	}))
	t.Cleanup(front.Close)
	w.stand.AddApp(wechatserver.App{AppID: appID, Secret: secret, PushURL: front.URL, Token: token, AESKey: aesKey})
}
