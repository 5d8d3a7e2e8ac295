package server

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"yunduo"
	"yunduo/apps"
	"yunduo/auth"
	"yunduo/data/documents"
	"yunduo/internal/wechatserver"
	"yunduo/wechat"
)

// buildWeChat makes the room that speaks to WeChat. A development server brings a stand-in for apps without a secret.
func (s *Server) buildWeChat(ctx context.Context, db *documents.DB, keys auth.Keys, vault *apps.Vault) (err error) {
	o := wechat.Options{Key: keys.Derive("addresses for WeChat's notifications"), Sealer: vault, Endpoint: s.config.WeChatEndpoint, PayEndpoint: s.config.WeChatPayEndpoint, Logger: s.logger, Now: s.config.Now}
	if s.config.Dev != nil {
		if s.standIn, err = startStandIn(ctx, s.config.Dev.App, s.localURL()); err != nil {
			return err
		}
		s.later("WeChat stand-in", s.standIn.close)
		o.StandIn = s.standIn
	}
	if s.rooms.WeChat, err = wechat.New(db, s.rooms.Apps, s.rooms.Auth, invoker{s.rooms.Apps, s.rooms.Functions}, o); err != nil {
		return err
	}
	s.later("WeChat", s.rooms.WeChat.Close)
	s.rooms.Apps.OnDelete(s.rooms.WeChat.DropApp)
	return nil
}

// StandInURL is where the stand-in for WeChat is, empty if there is none.
func (s *Server) StandInURL() string {
	if s.standIn == nil {
		return ""
	}
	return s.standIn.url
}

// standIn plays WeChat on this machine.
type standIn struct {
	server    *wechatserver.Server
	http      *http.Server
	url       string
	serverURL string
	app       yunduo.AppID // the app of the project

	mu       sync.Mutex
	accounts map[yunduo.AppID]wechat.Account
	key      func() (*rsa.PrivateKey, error)
}

// devWeChatAppID is what an app without a WeChat app ID is known by, also to dev logins.
const devWeChatAppID = "wxdev00000000000000"

func startStandIn(ctx context.Context, app yunduo.AppID, serverURL string) (*standIn, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &standIn{
		server: wechatserver.New(), url: "http://" + l.Addr().String(), serverURL: serverURL, app: app, accounts: map[yunduo.AppID]wechat.Account{},
		key: sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }),
	}
	s.http = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if "http://"+r.Host != s.url { // a page of the web whose name was made to point here
			http.Error(w, "this server is "+s.url, http.StatusForbidden)
			return
		}
		s.server.ServeHTTP(w, r)
	})}
	go func() { _ = s.http.Serve(l) }() // ends with Close
	return s, nil
}

func (s *standIn) close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	s.server.Close()
	return err
}

// Account makes an app known to the stand-in: with a secret, a merchant and a message push of its own.
func (s *standIn) Account(app yunduo.AppID, appID string) (wechat.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if appID == "" {
		if appID = devWeChatAppID; app != s.app {
			sum := sha256.Sum256([]byte(app))
			appID = "wx" + hex.EncodeToString(sum[:8])
		}
	}
	if a, ok := s.accounts[app]; ok && a.AppID == appID {
		return a, nil
	}
	key, err := s.key()
	if err != nil {
		return wechat.Account{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return wechat.Account{}, err
	}
	keyID, public, err := s.server.PublicKey()
	if err != nil {
		return wechat.Account{}, err
	}
	random := make([]byte, 32)
	rand.Read(random)
	a := wechat.Account{
		AppID: appID, Secret: yunduo.NewSecret(), Endpoint: s.url, PayEndpoint: s.url, AnyMerchant: true,
		Merchant: wechat.Merchant{
			ID: fmt.Sprintf("19%08d", len(s.accounts)+1), Serial: "5157F09EFDC096DE15EBE81A47057A7200000001", APIv3Key: yunduo.NewSecret()[:32],
			PrivateKey:  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
			PublicKeyID: keyID, PublicKey: public,
		},
		Push: wechat.Push{Token: yunduo.NewID()[:24], AESKey: base64.StdEncoding.EncodeToString(random)[:43]},
	}
	s.server.AddApp(wechatserver.App{AppID: a.AppID, Secret: a.Secret, PushURL: s.serverURL + "/v1/apps/" + string(app) + "/wechat/push", Token: a.Push.Token, AESKey: a.Push.AESKey})
	s.server.AddMerchant(wechatserver.Merchant{ID: a.Merchant.ID, Serial: a.Merchant.Serial, APIv3Key: a.Merchant.APIv3Key, PublicKey: &key.PublicKey, AppID: a.AppID})
	s.accounts[app] = a
	return a, nil
}
