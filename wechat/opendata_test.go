package wechat_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
)

// seal encrypts as WeChat's open interfaces do.
func seal(t *testing.T, key, iv []byte, text string) string {
	t.Helper()
	c, err := aes.NewCipher(key)
	require.NoError(t, err)
	n := aes.BlockSize - len(text)%aes.BlockSize
	plain := append([]byte(text), bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(c, iv).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(plain)
}

func TestOpenData(t *testing.T) {
	w := open(t, nil)
	key, iv := []byte("0123456789abcdef"), []byte("fedcba9876543210")
	w.sessionKey = base64.StdEncoding.EncodeToString(key)
	iv64 := base64.StdEncoding.EncodeToString(iv)
	sealed := "yd1." + iv64 + "." + seal(t, key, iv, `{"phoneNumber":"138","watermark":{"appid":"`+appID+`"}}`)
	foreign := "yd1." + iv64 + "." + seal(t, key, iv, `{"phoneNumber":"138","watermark":{"appid":"wxother"}}`)
	otherLogin := "yd1." + iv64 + "." + seal(t, []byte("another key 16 b"), iv, `{"watermark":{"appid":"`+appID+`"}}`)
	theirs := w.stand.MakeCloudID(appID, "o1", json.RawMessage(`{"stepInfoList":[{"step":100}]}`))
	others := w.stand.MakeCloudID(appID, "o2", json.RawMessage(`{"secret":1}`))

	list, err := w.OpenData(t.Context(), code("o1"), app, []string{sealed, theirs, others, foreign, otherLogin, "nonsense", "yd1.x", ""})
	require.NoError(t, err)
	require.Len(t, list, 8)
	type element struct {
		CloudID string         `json:"cloudID"`
		Data    map[string]any `json:"data"`
		ErrCode int            `json:"errCode"`
	}
	elements := make([]element, len(list))
	for i, text := range list {
		require.NoError(t, json.Unmarshal(text, &elements[i]))
	}
	require.Equal(t, sealed, elements[0].CloudID)
	require.Equal(t, "138", elements[0].Data["phoneNumber"])
	require.Contains(t, elements[1].Data, "stepInfoList")
	for i, want := range map[int]int{2: -601007, 3: -601007, 4: -601005, 5: -601005, 6: -601005, 7: -601005} {
		require.Equal(t, want, elements[i].ErrCode, "element %d", i)
		require.Nil(t, elements[i].Data, "element %d", i)
	}

	_, err = w.OpenData(t.Context(), yunduo.Caller{App: "other", Role: yunduo.RoleFunction, OpenID: "o1"}, app, []string{theirs})
	requireReason(t, err, yunduo.ReasonPermissionDenied)
	_, err = w.OpenData(t.Context(), code("o1"), app, make([]string, 21))
	requireReason(t, err, yunduo.ReasonInvalidRequest)
}
