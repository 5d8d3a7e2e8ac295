package wechatserver

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the digest that WeChat Pay gives
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// bill is a file that can be fetched for some minutes, by the merchant who asked for it.
type bill struct {
	merchant string
	content  []byte
	until    time.Time
}

const billLife = 5 * time.Minute

var china = time.FixedZone("CST", 8*60*60)

// day are the entries of a day that a merchant's bill is about; an answer if it gets none. s.mu is held.
func (s *Server) day(r *payRequest, query url.Values, wanted func(entry) bool) (entries []entry, status int, answer any) {
	refuse := func(httpStatus int, code, message string) ([]entry, int, any) {
		status, answer := failure(httpStatus, code, message)
		return nil, status, answer
	}
	begin, err := time.ParseInLocation(time.DateOnly, query.Get("bill_date"), china)
	if err != nil {
		return refuse(http.StatusBadRequest, "PARAM_ERROR", "bill_date: yyyy-MM-dd")
	}
	end, now := begin.AddDate(0, 0, 1), s.now()
	switch tar := query.Get("tar_type"); {
	case tar != "" && tar != "GZIP":
		return refuse(http.StatusBadRequest, "PARAM_ERROR", "tar_type: GZIP")
	case begin.After(now) || begin.Before(now.AddDate(0, -3, -1)):
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "bill_date: a day of the last three months")
	case now.Before(end.Add(9 * time.Hour)): // bills are made from nine o'clock on
		return refuse(http.StatusBadRequest, "STATEMENT_CREATING", "the bill is being made")
	}
	add := func(e entry) {
		if e.order.MerchantID == r.merchant.ID && !e.at.Before(begin) && e.at.Before(end) && wanted(e) {
			entries = append(entries, e)
		}
	}
	for _, o := range s.orders {
		if o.TransactionID != "" {
			add(entry{o.PaidAt, o, nil})
		}
	}
	for _, f := range s.refunds {
		add(entry{f.At, f.order, f})
	}
	if len(entries) == 0 {
		return refuse(http.StatusBadRequest, "NO_STATEMENT_EXIST", "there is no such bill")
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.order.OutTradeNo, b.order.OutTradeNo))
	})
	return entries, 0, nil
}

func (s *Server) tradeBill(r *payRequest) (int, any) {
	query := r.URL.Query()
	kind, sub := cmp.Or(query.Get("bill_type"), "ALL"), query.Get("sub_mchid")
	if sub != "" || !r.merchant.provider() { // a provider may ask for all of its sub-merchants
		if status, answer := r.subMerchant(sub); status != 0 {
			return status, answer
		}
	}
	if kind != "ALL" && kind != "SUCCESS" && kind != "REFUND" {
		return failure(http.StatusBadRequest, "PARAM_ERROR", "bill_type: ALL, SUCCESS or REFUND")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, status, answer := s.day(r, query, func(e entry) bool {
		return (sub == "" || e.order.SubID == sub) && (kind == "ALL" || (kind == "REFUND") == (e.refund != nil))
	})
	if status != 0 {
		return status, answer
	}
	var head []string
	rows := make([][]string, len(entries))
	for _, c := range columns {
		if kind == "SUCCESS" && slices.Contains(refundColumns, c.name) {
			continue
		}
		head = append(head, c.name)
		for i, e := range entries {
			rows[i] = append(rows[i], c.value(e))
		}
	}
	var paid, back int64
	for _, e := range entries {
		paid, back = paid+e.paid(), back+e.back()
	}
	sumHead := []string{"总交易单数", "应结订单总金额", "退款总金额", "充值券退款总金额", "手续费总金额", "订单总金额", "申请退款总金额"}
	sums := []string{fmt.Sprint(len(entries)), yuan(paid), yuan(back), "0.00", "0.00000", yuan(paid), yuan(back)}
	if kind == "SUCCESS" {
		sumHead, sums = []string{sumHead[0], sumHead[1], sumHead[4], sumHead[5]}, []string{sums[0], sums[1], sums[4], sums[5]}
	}
	return s.offer(r, table(head, rows, sumHead, sums), query.Get("tar_type"))
}

func account(query url.Values) (int, any) {
	if kind := query.Get("account_type"); kind != "" && !slices.Contains([]string{"BASIC", "OPERATION", "FEES"}, kind) {
		return failure(http.StatusBadRequest, "PARAM_ERROR", "account_type: BASIC, OPERATION or FEES")
	}
	return 0, nil
}

// basic tells whether the account is the one that payments go into; nothing moves in the others.
func basic(query url.Values) bool { return cmp.Or(query.Get("account_type"), "BASIC") == "BASIC" }

func (s *Server) fundBill(r *payRequest) (int, any) {
	query := r.URL.Query()
	if status, answer := account(query); status != 0 {
		return status, answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, status, answer := s.day(r, query, func(e entry) bool { return basic(query) && e.order.SubID == "" })
	if status != 0 {
		return status, answer
	}
	return s.offer(r, flows(entries), query.Get("tar_type"))
}

// subFundBill gives a provider the bill of a sub-merchant, encrypted with a key that only the provider can read.
func (s *Server) subFundBill(r *payRequest) (int, any) {
	query := r.URL.Query()
	sub := query.Get("sub_mchid")
	if !r.merchant.provider() || sub == "" {
		return failure(http.StatusForbidden, "NO_AUTH", "only a service provider may ask, for one sub-merchant")
	}
	if status, answer := r.subMerchant(sub); status != 0 {
		return status, answer
	}
	if status, answer := account(query); status != 0 {
		return status, answer
	}
	if query.Get("algorithm") != "AEAD_AES_256_GCM" {
		return failure(http.StatusBadRequest, "PARAM_ERROR", "algorithm: AEAD_AES_256_GCM")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, status, answer := s.day(r, query, func(e entry) bool { return basic(query) && e.order.SubID == sub })
	if status != 0 {
		return status, answer
	}
	text := flows(entries)
	half := len(text) / 2 // large bills come in parts; here each does, so that their order matters
	var parts []any
	for i, piece := range [][]byte{text[half:], text[:half]} {
		part, err := s.seal(r, piece)
		if err != nil {
			return failure(http.StatusInternalServerError, "SYSTEM_ERROR", err.Error())
		}
		part["bill_sequence"] = 2 - i
		parts = append(parts, part)
	}
	return http.StatusOK, map[string]any{"download_bill_count": len(parts), "download_bill_list": parts}
}

// seal offers a part of a bill, encrypted. s.mu is held.
func (s *Server) seal(r *payRequest, piece []byte) (map[string]any, error) {
	key, nonce := randomText(32), strings.ToLower(randomText(16))
	encrypted, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, r.merchant.PublicKey, []byte(key), nil) //nolint:gosec // WeChat Pay's padding
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithNonceSize(block, len(nonce))
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"download_url": s.keep(r, aead.Seal(nil, []byte(nonce), piece, nil)), "hash_type": "SHA1", "hash_value": digest(piece),
		"encrypt_key": base64.StdEncoding.EncodeToString(encrypted), "nonce": nonce,
	}, nil
}

// offer answers with where a bill can be fetched. s.mu is held.
func (s *Server) offer(r *payRequest, text []byte, tar string) (int, any) {
	content := text
	if tar == "GZIP" {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(text) // to memory
		_ = w.Close()
		content = b.Bytes()
	}
	return http.StatusOK, map[string]any{"hash_type": "SHA1", "hash_value": digest(text), "download_url": s.keep(r, content)}
}

func (s *Server) keep(r *payRequest, content []byte) string {
	token := randomText(64)
	s.bills[token] = bill{r.merchant.ID, content, s.now().Add(billLife)}
	for other, b := range s.bills {
		if s.now().After(b.until) {
			delete(s.bills, other)
		}
	}
	return "https://api.mch.weixin.qq.com/v3/billdownload/file?token=" + token
}

func digest(text []byte) string {
	sum := sha1.Sum(text) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

// billFile gives a bill to the merchant who asked for it. WeChat Pay does not sign files.
func (s *Server) billFile(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return
	}
	merchant, wrong := s.authorize(r, body)
	if wrong != "" {
		w.WriteHeader(http.StatusUnauthorized)
		reply(w, map[string]string{"code": "SIGN_ERROR", "message": wrong})
		return
	}
	s.mu.Lock()
	b, ok := s.bills[r.URL.Query().Get("token")]
	s.mu.Unlock()
	if !ok || b.merchant != merchant.ID || s.now().After(b.until) {
		w.WriteHeader(http.StatusBadRequest)
		reply(w, map[string]string{"code": "INVALID_REQUEST", "message": "the address is not valid any more, or another merchant's"})
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(b.content)
}
