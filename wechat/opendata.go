package wechat

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"yunduo"
)

// ownCloudID begins a cloud ID that our mini-program SDK made of what WeChat encrypted: "yd1.IV.DATA". WeChat's own
// are opened by WeChat.
const ownCloudID = "yd1."

// Numbers of the failures, as wx-server-sdk names them.
const (
	invalidCloudID = -601005
	noMatch        = -601007
)

const maxCloudIDs = 20

// OpenData opens cloud IDs that the caller's user was given. Each element is {cloudID, data}, or {cloudID, errCode,
// errMsg} for one that cannot be opened. The caller is an end user, or code running for one. Errors: invalid_request,
// wechat_not_configured, wechat_unavailable.
func (s *Service) OpenData(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, ids []string) ([]json.RawMessage, error) {
	if caller.App != app {
		return nil, yunduo.Errorf(yunduo.ReasonPermissionDenied, "the caller belongs to another app")
	}
	if len(ids) > maxCloudIDs {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "list: %d cloud IDs are more than %d", len(ids), maxCloudIDs)
	}
	opened := make([]json.RawMessage, len(ids))
	var theirs []string
	for i, id := range ids {
		switch {
		case strings.HasPrefix(id, ownCloudID):
			var err error
			if opened[i], err = s.decrypt(ctx, caller, app, id); err != nil {
				return nil, err
			}
		case id == "" || len(id) > 4096:
			opened[i] = notOpened(id, invalidCloudID, "invalid cloudID")
		default:
			theirs = append(theirs, id)
		}
	}
	if len(theirs) == 0 {
		return opened, nil
	}
	found, err := s.ask(ctx, caller, app, theirs)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if opened[i] == nil {
			if opened[i] = found[id]; opened[i] == nil {
				opened[i] = notOpened(id, invalidCloudID, "invalid cloudID")
			}
		}
	}
	return opened, nil
}

func notOpened(id string, code int, message string) json.RawMessage {
	text, _ := json.Marshal(map[string]any{"cloudID": id, "errCode": code, "errMsg": message}) // cannot fail
	return text
}

// ask lets WeChat open its own cloud IDs.
func (s *Service) ask(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, ids []string) (map[string]json.RawMessage, error) {
	a, err := s.account(ctx, app)
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	where := route{method: http.MethodPost, path: "/wxa/getopendata"}
	response, err := s.call(ctx, app, a, where.with("openid", caller.OpenID), Request{API: "getOpenData", Data: map[string]json.RawMessage{"cloudid_list": list}})
	if err != nil {
		return nil, err
	}
	var given struct {
		ErrCode int64  `json:"errcode"`
		ErrMsg  string `json:"errmsg"`
		List    []struct {
			ID   string          `json:"cloud_id"`
			JSON json.RawMessage `json:"json"` // the text of it; WeChat's own examples show the object itself
		} `json:"data_list"`
	}
	if err := json.Unmarshal(response.Body, &given); err != nil {
		return nil, unavailable(err)
	}
	found := map[string]json.RawMessage{}
	if given.ErrCode != 0 {
		for _, id := range ids {
			found[id] = notOpened(id, int(given.ErrCode), given.ErrMsg)
		}
		return found, nil
	}
	for _, element := range given.List {
		value := element.JSON
		var text string
		if json.Unmarshal(value, &text) == nil {
			value = json.RawMessage(text)
		}
		if bytes.HasPrefix(value, []byte("{")) && json.Valid(value) {
			found[element.ID] = value
		}
	}
	return found, nil
}

// with adds a parameter to the address.
func (where route) with(name, value string) route {
	where.extra = url.Values{name: {value}}
	return where
}

// decrypt opens what WeChat encrypted for the caller's login.
func (s *Service) decrypt(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, id string) (json.RawMessage, error) {
	iv, sealed, ok := strings.Cut(strings.TrimPrefix(id, ownCloudID), ".")
	if !ok || caller.SessionID == "" {
		return notOpened(id, invalidCloudID, "invalid cloudID"), nil
	}
	key, err := s.sessions.WeChatSessionKey(ctx, caller)
	if err != nil {
		return nil, err
	}
	appID, _, err := s.apps.WeChatApp(ctx, app)
	if err != nil {
		return nil, err
	}
	data, ok := openSealed(key, iv, sealed)
	var mark struct {
		Watermark struct {
			AppID string `json:"appid"`
		} `json:"watermark"`
	}
	if !ok || json.Unmarshal(data, &mark) != nil {
		return notOpened(id, invalidCloudID, "invalid cloudID: it was not made for the login that uses it"), nil
	}
	if mark.Watermark.AppID != appID {
		return notOpened(id, noMatch, "cloudID and calling user does not match"), nil
	}
	return json.Marshal(map[string]any{"cloudID": id, "data": json.RawMessage(data)})
}

// openSealed decrypts data of WeChat's open interfaces: AES-128-CBC with the session key.
// https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/signature.html
func openSealed(key64, iv64, sealed64 string) ([]byte, bool) {
	key, err1 := base64.StdEncoding.DecodeString(key64)
	iv, err2 := base64.StdEncoding.DecodeString(iv64)
	sealed, err3 := base64.StdEncoding.DecodeString(sealed64)
	if err1 != nil || err2 != nil || err3 != nil || len(key) != 16 || len(iv) != aes.BlockSize {
		return nil, false
	}
	return openCBC(key, iv, sealed, aes.BlockSize)
}

// openCBC decrypts AES-CBC with PKCS #7 padding to a block size that may be larger than the cipher's.
func openCBC(key, iv, sealed []byte, padding int) ([]byte, bool) {
	block, err := aes.NewCipher(key)
	if err != nil || len(sealed) == 0 || len(sealed)%aes.BlockSize != 0 {
		return nil, false
	}
	text := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(text, sealed)
	n := int(text[len(text)-1])
	if n < 1 || n > padding || n > len(text) {
		return nil, false
	}
	for _, c := range text[len(text)-n:] {
		if int(c) != n {
			return nil, false
		}
	}
	return text[:len(text)-n], true
}
