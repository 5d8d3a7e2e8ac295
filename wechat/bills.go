package wechat

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the digest that WeChat Pay gives
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"yunduo"
)

// maxBill is how large a bill may be for a function to get it, in bytes.
const maxBill = 16 << 20

// billLink is where a bill can be fetched, for some minutes.
type billLink struct {
	HashType  string `json:"hash_type"`
	HashValue string `json:"hash_value"` // of the bill, not of its compressed form
	URL       string `json:"download_url"`
	// A sub-merchant's bill is encrypted, and comes in parts if it is large.
	Sequence int    `json:"bill_sequence"`
	Key      string `json:"encrypt_key"` // encrypted for the merchant's certificate, in base64
	Nonce    string `json:"nonce"`
}

// downloadBill fetches the payments and refunds of a day.
// https://pay.weixin.qq.com/docs/merchant/products/bill-download/format-trade.html
func downloadBill(ctx context.Context, c *payCall) (map[string]any, error) {
	query, err := c.billQuery("bill_type", "ALL")
	if err != nil {
		return nil, err
	}
	if c.sub != "" {
		query.Set("sub_mchid", c.sub)
	}
	return c.bill(ctx, "/v3/bill/tradebill", query)
}

// downloadFundflow fetches what went into and out of an account on a day.
// https://pay.weixin.qq.com/docs/merchant/products/bill-download/structure/fund-bill.html
func downloadFundflow(ctx context.Context, c *payCall) (map[string]any, error) {
	query, err := c.billQuery("account_type", "BASIC")
	if err != nil {
		return nil, err
	}
	if c.sub == "" {
		return c.bill(ctx, "/v3/bill/fundflowbill", query)
	}
	query.Set("sub_mchid", c.sub)
	query.Set("algorithm", "AEAD_AES_256_GCM")
	query.Del("tar_type")
	var list struct {
		Parts []billLink `json:"download_bill_list"`
	}
	if err := c.send(ctx, http.MethodGet, "/v3/bill/sub-merchant-fundflowbill?"+query.Encode(), nil, &list); err != nil {
		return nil, err
	}
	slices.SortFunc(list.Parts, func(a, b billLink) int { return cmp.Compare(a.Sequence, b.Sequence) })
	var whole []byte
	for _, part := range list.Parts {
		sealed, err := c.fetchBill(ctx, part)
		if err != nil {
			return nil, err
		}
		text, err := part.open(c.account.Merchant, sealed)
		if err != nil {
			return nil, yunduo.Wrap(err, yunduo.ReasonWechatUnavailable, "the bill cannot be decrypted with the merchant's private key; is it that of the certificate %s?", c.account.Merchant.Serial)
		}
		if whole = append(whole, text...); len(whole) > maxBill {
			return nil, errBillTooLarge
		}
	}
	return c.billReply(query, whole), nil
}

// billQuery are the parameters of both bills: the day and what the bill is of, which the older API writes otherwise.
func (c *payCall) billQuery(kind, usual string) (url.Values, error) {
	given := c.text("bill_date")
	day, err := time.Parse("20060102", given)
	if err != nil {
		if day, err = time.Parse(time.DateOnly, given); err != nil {
			return nil, &payRefusal{"PARAM_ERROR", "billDate: " + clip(given) + " is not yyyyMMdd"}
		}
	}
	of := strings.ToUpper(firstOf(c.text(kind), usual))
	return url.Values{"bill_date": {day.Format(time.DateOnly)}, kind: {of}, "tar_type": {"GZIP"}}, nil
}

// bill asks for a bill and fetches it.
func (c *payCall) bill(ctx context.Context, path string, query url.Values) (map[string]any, error) {
	var link billLink
	if err := c.send(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &link); err != nil {
		return nil, err
	}
	packed, err := c.fetchBill(ctx, link)
	if err != nil {
		return nil, err
	}
	text, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	if sum := sha1.Sum(text); link.HashType != "SHA1" || !strings.EqualFold(hex.EncodeToString(sum[:]), link.HashValue) { //nolint:gosec // see the import
		return nil, yunduo.Errorf(yunduo.ReasonWechatUnavailable, "the bill is not the one that WeChat Pay announced; try again")
	}
	return c.billReply(query, text), nil
}

var errBillTooLarge = &payRefusal{"BILL_TOO_LARGE", "the bill is larger than " + strconv.Itoa(maxBill>>20) + " MiB: ask for the bill types SUCCESS and REFUND apart, or for one sub-merchant"}

// fetchBill downloads a bill, or a part of one. WeChat Pay does not sign it: the digest or the encryption, which its
// signed answer told, prove it. Where the rest of the payment API is, there the bill is fetched too, whatever host the
// answer named: a relay in between stays in use, and no signature of the merchant's goes elsewhere.
func (c *payCall) fetchBill(ctx context.Context, link billLink) ([]byte, error) {
	address, err := url.Parse(strings.TrimSpace(link.URL))
	if err != nil || !strings.HasPrefix(address.Path, "/v3/") {
		return nil, unavailable(errors.New("the bill's address cannot be understood"))
	}
	path := address.RequestURI()
	reply, _, err := c.service.payRaw(ctx, c.account, http.MethodGet, c.account.PayEndpoint+path, path, c.account.Merchant.PublicKeyID, nil, maxBill+64)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, errBillTooLarge
	case err != nil:
		return nil, err
	case reply.status != http.StatusOK:
		return nil, yunduo.Wrap(fmt.Errorf("HTTP status %d: %.300s", reply.status, reply.body), yunduo.ReasonWechatUnavailable, "WeChat Pay did not give the bill: HTTP status %d; try again", reply.status)
	}
	return reply.body, nil
}

// unpack decompresses a bill, unless something in between has done so.
func unpack(packed []byte) ([]byte, error) {
	if !bytes.HasPrefix(packed, []byte{0x1f, 0x8b}) {
		return packed, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, unavailable(err)
	}
	text, err := io.ReadAll(io.LimitReader(reader, maxBill+1))
	if err != nil {
		return nil, unavailable(err)
	}
	if len(text) > maxBill {
		return nil, errBillTooLarge
	}
	return text, nil
}

// open decrypts a part of a sub-merchant's bill.
func (l billLink) open(m Merchant, sealed []byte) ([]byte, error) {
	private, err := m.privateKey()
	if err != nil {
		return nil, err
	}
	encrypted, err := base64.StdEncoding.DecodeString(l.Key)
	if err != nil {
		return nil, err
	}
	key, err := rsa.DecryptOAEP(sha1.New(), nil, private, encrypted, nil) //nolint:gosec // WeChat Pay's padding
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if l.Nonce == "" {
		return nil, errors.New("the nonce is missing")
	}
	aead, err := cipher.NewGCMWithNonceSize(block, len(l.Nonce))
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, []byte(l.Nonce), sealed, nil)
}

// billReply is what code gets: the bill as text in data.
func (c *payCall) billReply(query url.Values, text []byte) map[string]any {
	reply := c.ok()
	for _, name := range []string{"bill_date", "bill_type", "account_type"} {
		if value := query.Get(name); value != "" {
			reply[name] = value
		}
	}
	reply["data"] = string(bytes.TrimPrefix(text, []byte("\ufeff")))
	return reply
}
