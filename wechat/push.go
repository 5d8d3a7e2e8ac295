package wechat

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // WeChat's signatures are SHA-1
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"yunduo"
)

// maxMessageAge is how old a message's signature may be: WeChat sends a message again for some 15 seconds.
const maxMessageAge = 10 * time.Minute

// Message is an HTTP request of WeChat's message push.
type Message struct {
	App         yunduo.AppID
	Query       url.Values
	ContentType string
	Body        []byte // empty for the request that proves the address
}

// Reply is what WeChat gets.
type Reply struct {
	ContentType string
	Body        []byte
}

var success = Reply{ContentType: "text/plain; charset=utf-8", Body: []byte("success")}

// signature is WeChat's signature over the token and some texts.
func signature(parts ...string) string {
	parts = slices.Sorted(slices.Values(parts))
	sum := sha1.Sum([]byte(strings.Join(parts, ""))) //nolint:gosec // as WeChat does
	return hex.EncodeToString(sum[:])
}

func equal(a, b string) bool { return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Prove answers the request by which WeChat finds out whether the address is the app's: with the text that it sent, if
// the signature is right. Errors: wechat_not_configured, signature_invalid.
func (s *Service) Prove(ctx context.Context, m Message) (Reply, error) {
	a, err := s.pushAccount(ctx, m)
	if err != nil {
		return Reply{}, err
	}
	q := m.Query
	if !equal(q.Get("signature"), signature(a.Push.Token, q.Get("timestamp"), q.Get("nonce"))) {
		return Reply{}, badSignature()
	}
	return Reply{ContentType: "text/plain; charset=utf-8", Body: []byte(q.Get("echostr"))}, nil
}

func badSignature() error {
	return yunduo.Errorf(yunduo.ReasonSignatureInvalid, "the message does not bear the signature of WeChat's message push for this app")
}

func (s *Service) pushAccount(ctx context.Context, m Message) (Account, error) {
	a, err := s.account(ctx, m.App)
	if err != nil {
		return a, err
	}
	if a.Push.Token == "" {
		return a, yunduo.Errorf(yunduo.ReasonWechatNotConfigured, "the app %q has no token for WeChat's message push", string(m.App))
	}
	return a, nil
}

// Receive takes a message or an event that WeChat pushes to the app: it verifies, decrypts and hands it to the function
// that the app's routes name, and answers what the function returned. A message that WeChat sends again while its
// function runs does not run it twice. Errors: wechat_not_configured, signature_invalid, malformed_json,
// invalid_request, and those of the invocation.
func (s *Service) Receive(ctx context.Context, m Message) (Reply, error) {
	a, err := s.pushAccount(ctx, m)
	if err != nil {
		return Reply{}, err
	}
	q := m.Query
	if !equal(q.Get("signature"), signature(a.Push.Token, q.Get("timestamp"), q.Get("nonce"))) {
		return Reply{}, badSignature()
	}
	if at, err := strconv.ParseInt(q.Get("timestamp"), 10, 64); err != nil || s.options.Now().Sub(time.Unix(at, 0)).Abs() > maxMessageAge {
		return Reply{}, badSignature()
	}
	p, err := a.open(m)
	if err != nil {
		return Reply{}, err
	}
	function := a.Push.route(p.fields)
	if function == "" {
		return success, nil
	}
	answer, err := s.deliver(ctx, a, m.App, function, p.fields)
	if err != nil {
		return Reply{}, err
	}
	return p.reply(a, answer, q.Get("timestamp"), q.Get("nonce"))
}

// route returns the function that gets a message; empty if none does.
func (p Push) route(fields map[string]any) string {
	kind, _ := fields["MsgType"].(string)
	event, _ := fields["Event"].(string)
	for _, r := range p.Routes {
		if (r.Type == "" || strings.EqualFold(r.Type, kind)) && (r.Event == "" || strings.EqualFold(r.Event, event)) {
			return r.Function
		}
	}
	return ""
}

// pushed is a message, and the form it came in.
type pushed struct {
	fields map[string]any
	xml    bool
	sealed bool
}

// open reads a message in either form and mode.
func (a Account) open(m Message) (pushed, error) {
	p := pushed{xml: !bytes.HasPrefix(bytes.TrimSpace(m.Body), []byte("{"))}
	var err error
	if p.fields, err = parseFields(m.Body, p.xml); err != nil {
		return p, err
	}
	sealed, _ := p.fields["Encrypt"].(string)
	if sealed == "" {
		if a.Push.AESKey != "" { // the signature of a plain message does not cover its content
			return p, badSignature()
		}
		return p, nil
	}
	// In compatible mode the plain text lies beside the encrypted one; only the latter is signed.
	p.sealed = true
	if a.Push.AESKey == "" {
		return p, yunduo.Errorf(yunduo.ReasonWechatNotConfigured, "WeChat encrypts the messages, and the app has no EncodingAESKey for them")
	}
	if !equal(m.Query.Get("msg_signature"), signature(a.Push.Token, m.Query.Get("timestamp"), m.Query.Get("nonce"), sealed)) {
		return p, badSignature()
	}
	text, err := a.unseal(sealed)
	if err != nil {
		return p, yunduo.Wrap(err, yunduo.ReasonSignatureInvalid, "the message cannot be decrypted with the app's EncodingAESKey")
	}
	p.fields, err = parseFields(text, p.xml)
	return p, err
}

// block is the size to which encrypted messages are padded.
const block = 32

// unseal decrypts a message: 16 random bytes, its length in four, the text, and whom it is for.
func (a Account) unseal(sealed64 string) ([]byte, error) {
	key, err := aesKey(a.Push.AESKey)
	if err != nil {
		return nil, err
	}
	sealed, err := base64.StdEncoding.DecodeString(sealed64)
	if err != nil {
		return nil, err
	}
	text, ok := openCBC(key, key[:aes.BlockSize], sealed, block)
	if !ok || len(text) < 20 {
		return nil, errors.New("not decryptable")
	}
	n := binary.BigEndian.Uint32(text[16:20])
	if uint64(n) > uint64(len(text)-20) {
		return nil, errors.New("length is wrong")
	}
	if string(text[20+n:]) != a.AppID {
		return nil, errors.New("for another WeChat app")
	}
	return text[20 : 20+n], nil
}

// seal encrypts an answer.
func (a Account) seal(text []byte) (string, error) {
	key, err := aesKey(a.Push.AESKey)
	if err != nil {
		return "", err
	}
	c, err := aes.NewCipher(key)
	if err != nil {
		return "", err
	}
	plain := make([]byte, 20, 20+len(text)+len(a.AppID)+block)
	rand.Read(plain[:16])
	binary.BigEndian.PutUint32(plain[16:], uint32(len(text)))
	plain = append(append(plain, text...), a.AppID...)
	n := block - len(plain)%block
	plain = append(plain, bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(c, key[:aes.BlockSize]).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(plain), nil
}

// reply gives a function's answer the form of its message. What is no message is "success".
func (p pushed) reply(a Account, answer json.RawMessage, timestamp, nonce string) (Reply, error) {
	fields := map[string]any{}
	if json.Unmarshal(answer, &fields) != nil || fields["MsgType"] == nil {
		return success, nil
	}
	for to, from := range map[string]string{"ToUserName": "FromUserName", "FromUserName": "ToUserName", "CreateTime": "CreateTime"} {
		if fields[to] == nil {
			fields[to] = p.fields[from]
		}
	}
	text, err := formatFields(fields, p.xml)
	if err != nil {
		return Reply{}, err
	}
	if p.sealed {
		sealed, err := a.seal(text)
		if err != nil {
			return Reply{}, err
		}
		text, err = formatFields(map[string]any{
			"Encrypt": sealed, "MsgSignature": signature(a.Push.Token, timestamp, nonce, sealed), "TimeStamp": json.Number(timestamp), "Nonce": nonce,
		}, p.xml)
		if err != nil {
			return Reply{}, err
		}
	}
	if p.xml {
		return Reply{ContentType: "text/xml; charset=utf-8", Body: text}, nil
	}
	return Reply{ContentType: "application/json; charset=utf-8", Body: text}, nil
}
