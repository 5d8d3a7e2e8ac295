// Package server is the wiring: it picks the drivers, builds the rooms in order, serves, and takes everything down in
// reverse.
package server

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"time"

	"yunduo"
	"yunduo/auth"
	"yunduo/data/documents"
)

// Config says how a server runs. DefaultConfig gives the defaults; New validates.
type Config struct {
	DataDir string // everything the server keeps, unless objects are on S3
	Listen  string // host:port; port 0 picks a free one
	MongoDB string // URI of a MongoDB deployment for documents; empty keeps them in DataDir
	S3      string // URL of an S3 bucket for objects; empty keeps them in DataDir
	// MongoListen is the host:port of the MongoDB listener for owners' tools; empty opens none.
	MongoListen string
	PublicURL   string // the server's address as clients see it; empty derives it from each request

	NodePath string // the node executable; empty looks it up in PATH
	Sandbox  string // auto, require or off: see docs/security
	// COSSignatures accepts signatures of the vendor's object store, which are made with SHA-1.
	COSSignatures bool
	// TrustOwners runs functions of several apps even where Sandbox is auto and the machine offers none.
	TrustOwners bool
	AppCPUs     float64 // processors that the functions of one app may use; 0 is all
	// AllowPrivateNetwork lets functions connect to private and loopback addresses.
	AllowPrivateNetwork bool

	// SecretsKeyFile is an age identity file whose keys encrypt functions' secrets, SecretsKeyCommand a command that
	// prints one, such as a call of a key service. With neither the key is made of the server's secret.
	SecretsKeyFile    string
	SecretsKeyCommand string

	WeChatEndpoint    string // base URL of WeChat's API; empty is the real one
	WeChatPayEndpoint string // base URL of WeChat Pay's API; empty is the real one

	// CodeWebhook is the address to which verification codes are posted that are to be sent, signed with
	// CodeWebhookSecret; empty sends none. CodeSender goes before it.
	CodeWebhook       string
	CodeWebhookSecret string
	CodeSender        auth.Sender

	// CaptchaVerify is the address at which what a captcha's widget gave is checked, with CaptchaSecret; empty asks for
	// none. Captcha goes before it.
	CaptchaVerify string
	CaptchaSecret string
	Captcha       auth.Captcha
	// CaptchaPage is the address of a page with the widget, to which clients of the official SDKs are sent.
	CaptchaPage string

	// OTLPEndpoint is the base address of an OpenTelemetry collector that gets traces, metrics and logs of functions, or what
	// OTLPSignals names of them (separated by commas), with OTLPHeaders (name=value, separated by commas); empty sends none.
	OTLPEndpoint, OTLPHeaders, OTLPSignals string

	ShutdownGrace time.Duration // how long running requests may take once the server stops

	ChangeLogAge   time.Duration // how long changes of documents are kept: for watches that resume, history and restores
	ChangeLogBytes int64         // how many bytes of changes are kept for each app
	QueryTime      time.Duration // how long a request that reads documents may take; 0 is no limit
	TrashAge       time.Duration // how long a dropped collection or deleted app can be brought back; 0 removes it at once

	CacheBytes int64 // memory of the database's cache of blocks; 0 is a quarter of the machine's
	// UserExamines and FunctionExamines are how many documents one operation of an end user and of a function may examine.
	UserExamines, FunctionExamines int64

	Logger  *slog.Logger
	Console fs.FS  // the built web console; nil serves none
	Version string // of the program

	Now func() time.Time // the clock of tokens, grants and signatures; nil is time.Now

	Dev *Dev // set by "yunduo dev": loopback only, one app, dev login codes
}

// Dev is what "yunduo dev" adds to a server.
type Dev struct {
	App         yunduo.AppID
	WeChatAppID string
	// Source, if not nil, lets debuggers look into functions, which then run without the sandbox. It returns the folder
	// with a function's source.
	Source func(function string) string
}

// DefaultConfig returns the settings of a server that was told nothing.
func DefaultConfig() Config {
	return Config{DataDir: "data", Listen: "127.0.0.1:7300", Sandbox: "auto", ShutdownGrace: 30 * time.Second, ChangeLogAge: 24 * time.Hour, ChangeLogBytes: 1 << 30, TrashAge: 7 * 24 * time.Hour, QueryTime: time.Minute,
		UserExamines: documents.DefaultUserExamines, FunctionExamines: documents.DefaultFunctionExamines}
}

// validate names the first setting that cannot work.
func (c *Config) validate() error {
	if c.DataDir == "" {
		return errors.New("data: the data directory is not set")
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	c.DataDir = dir
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen: %q is not host:port, for example 127.0.0.1:7300", c.Listen)
	}
	if c.SecretsKeyFile != "" && c.SecretsKeyCommand != "" {
		return errors.New("secrets-key-file, secrets-key-command: one of the two")
	}
	if c.MongoListen != "" {
		if _, _, err := net.SplitHostPort(c.MongoListen); err != nil {
			return fmt.Errorf("mongo-listen: %q is not host:port, for example 127.0.0.1:27017", c.MongoListen)
		}
	}
	switch c.Sandbox {
	case "auto", "require", "off":
	default:
		return fmt.Errorf("sandbox: %q is not one of auto, require, off", c.Sandbox)
	}
	if c.AppCPUs < 0 || c.AppCPUs > 0 && c.AppCPUs < 0.01 {
		return fmt.Errorf("app-cpus: %v is not a number of processors of 0.01 or more, or 0 for all", c.AppCPUs)
	}
	if c.QueryTime < 0 {
		return errors.New("query-time: a duration, or 0 for no limit")
	}
	if c.TrashAge == 0 { // the engine's word for its default
		c.TrashAge = -1
	}
	if c.CacheBytes != 0 && c.CacheBytes < 8<<20 {
		return errors.New("cache-bytes: at least 8388608, or 0 for a quarter of the memory")
	}
	if c.ChangeLogAge < time.Minute || c.ChangeLogBytes < 1<<20 {
		return errors.New("change-log-age, change-log-bytes: at least 1m and 1048576; watches resume from what is kept")
	}
	for name, text := range map[string]string{"public-url": c.PublicURL, "wechat-endpoint": c.WeChatEndpoint, "wechat-pay-endpoint": c.WeChatPayEndpoint, "code-webhook": c.CodeWebhook, "captcha-verify": c.CaptchaVerify, "captcha-page": c.CaptchaPage} {
		if text == "" {
			continue
		}
		if u, err := url.Parse(text); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("%s: %q is not an http or https address", name, text)
		}
	}
	if c.Dev != nil {
		if err := c.Dev.App.Validate(); err != nil {
			return fmt.Errorf("app: %s", yunduo.AsError(err).Message)
		}
		host, _, _ := net.SplitHostPort(c.Listen)
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return fmt.Errorf("listen: dev serves loopback addresses only, not %q", host)
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
