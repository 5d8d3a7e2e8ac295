package wechatserver

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // WeChat's signatures are SHA-1
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
)

func sortOrders(list []Order) {
	sort.Slice(list, func(i, j int) bool { return list[i].CreatedAt.After(list[j].CreatedAt) })
}

func sha1Sorted(parts ...string) string {
	sort.Strings(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, ""))) //nolint:gosec // as WeChat does
	return hex.EncodeToString(sum[:])
}

// Send pushes a message of a user to an app, or an event about one, and returns what the app answered, decrypted.
// fields are those of the message; missing ToUserName, CreateTime and MsgId are added.
func (s *Server) Send(appID string, fields map[string]any) (string, error) {
	s.mu.Lock()
	app := s.apps[appID]
	if app == nil {
		s.mu.Unlock()
		return "", fmt.Errorf("there is no app %q", appID)
	}
	copied := *app
	fields = maps.Clone(fields)
	user, _ := fields["FromUserName"].(string)
	s.wrote[appID+"/"+user] = s.now()
	s.mu.Unlock()
	for name, value := range map[string]any{"ToUserName": "gh_standin", "CreateTime": s.now().Unix(), "MsgType": "text"} {
		if fields[name] == nil {
			fields[name] = value
		}
	}
	if fields["MsgType"] != "event" && fields["MsgId"] == nil {
		fields["MsgId"] = 20_000_000_000_000_000 + s.now().UnixNano()%1_000_000_000_000
	}
	return s.push(copied, fields)
}

// Prove asks an app to prove that its address for the message push is its own, as WeChat does when it is set.
func (s *Server) Prove(appID string) error {
	s.mu.Lock()
	app := s.apps[appID]
	s.mu.Unlock()
	if app == nil {
		return fmt.Errorf("there is no app %q", appID)
	}
	query, echo := s.query(*app), randomText(19)
	query.Set("echostr", echo)
	response, err := s.client.Get(app.PushURL + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || string(answer) != echo {
		return fmt.Errorf("the app answered %d %.100s", response.StatusCode, answer)
	}
	return nil
}

func (s *Server) query(app App) url.Values {
	stamp, once := strconv.FormatInt(s.now().Unix(), 10), digits(10)
	return url.Values{"timestamp": {stamp}, "nonce": {once}, "signature": {sha1Sorted(app.Token, stamp, once)}}
}

func (s *Server) push(app App, fields map[string]any) (string, error) {
	text, err := app.encode(fields)
	if err != nil {
		return "", err
	}
	query := s.query(app)
	if user, _ := fields["FromUserName"].(string); user != "" {
		query.Set("openid", user)
	}
	if app.AESKey != "" {
		sealed, err := app.seal(text)
		if err != nil {
			return "", err
		}
		query.Set("encrypt_type", "aes")
		query.Set("msg_signature", sha1Sorted(app.Token, query.Get("timestamp"), query.Get("nonce"), sealed))
		if text, err = app.encode(map[string]any{"ToUserName": fields["ToUserName"], "Encrypt": sealed}); err != nil {
			return "", err
		}
	}
	kind := "application/json"
	if app.XML {
		kind = "text/xml"
	}
	response, err := s.client.Post(app.PushURL+"?"+query.Encode(), kind, bytes.NewReader(text))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the app answered with HTTP status %d: %.300s", response.StatusCode, answer)
	}
	return app.answer(answer)
}

func (a App) encode(fields map[string]any) ([]byte, error) {
	if !a.XML {
		return json.Marshal(fields)
	}
	var b strings.Builder
	b.WriteString("<xml>")
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if text, is := fields[name].(string); is {
			fmt.Fprintf(&b, "<%s><![CDATA[%s]]></%s>", name, text, name)
			continue
		}
		fmt.Fprintf(&b, "<%s>%v</%s>", name, fields[name], name)
	}
	b.WriteString("</xml>")
	return []byte(b.String()), nil
}

// answer reads what an app answered: plain, or encrypted with a signature that must be right.
func (a App) answer(text []byte) (string, error) {
	if a.AESKey == "" || string(text) == "success" || len(text) == 0 {
		return string(text), nil
	}
	sealed, given, stamp, once := "", "", "", ""
	if a.XML {
		sealed, given, stamp, once = between(text, "Encrypt"), between(text, "MsgSignature"), between(text, "TimeStamp"), between(text, "Nonce")
	} else {
		var envelope struct {
			Encrypt, MsgSignature, Nonce string
			TimeStamp                    json.Number
		}
		if err := json.Unmarshal(text, &envelope); err != nil {
			return "", fmt.Errorf("the answer is not encrypted: %.100s", text)
		}
		sealed, given, stamp, once = envelope.Encrypt, envelope.MsgSignature, envelope.TimeStamp.String(), envelope.Nonce
	}
	if given != sha1Sorted(a.Token, stamp, once, sealed) {
		return "", errors.New("the signature of the answer is wrong")
	}
	return a.unseal(sealed)
}

// between is the text of an element.
func between(text []byte, name string) string {
	_, rest, _ := strings.Cut(string(text), "<"+name+">")
	inner, _, _ := strings.Cut(rest, "</"+name+">")
	return strings.TrimSuffix(strings.TrimPrefix(inner, "<![CDATA["), "]]>")
}

func (a App) key() ([]byte, cipher.Block, error) {
	key, err := base64.StdEncoding.DecodeString(a.AESKey + "=")
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	return key, block, err
}

func (a App) seal(text []byte) (string, error) {
	key, block, err := a.key()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	random := make([]byte, 16)
	rand.Read(random)
	b.Write(random)
	if err := binary.Write(&b, binary.BigEndian, uint32(len(text))); err != nil {
		return "", err
	}
	b.Write(text)
	b.WriteString(a.AppID)
	pad := 32 - b.Len()%32
	b.Write(bytes.Repeat([]byte{byte(pad)}, pad))
	sealed := make([]byte, b.Len())
	cipher.NewCBCEncrypter(block, key[:16]).CryptBlocks(sealed, b.Bytes())
	return base64.StdEncoding.EncodeToString(sealed), nil
}

func (a App) unseal(text string) (string, error) {
	key, block, err := a.key()
	if err != nil {
		return "", err
	}
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sealed) < 32 || len(sealed)%16 != 0 {
		return "", errors.New("the answer cannot be decrypted")
	}
	plain := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(block, key[:16]).CryptBlocks(plain, sealed)
	n := int(binary.BigEndian.Uint32(plain[16:20]))
	if n < 0 || 20+n > len(plain) || !bytes.HasPrefix(plain[20+n:], []byte(a.AppID)) {
		return "", errors.New("the answer is for another app")
	}
	return string(plain[20 : 20+n]), nil
}
