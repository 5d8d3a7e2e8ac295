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

// entry is a payment or a refund of a day.
type entry struct {
	at     time.Time
	order  *Order
	refund *Refund // nil for a payment
}

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

// column is one of a bill's.
type column struct {
	name  string
	value func(entry) string
}

// columns of the bill of payments and refunds.
// https://pay.weixin.qq.com/docs/merchant/products/bill-download/format-trade.html
var columns = []column{
	{"交易时间", func(e entry) string { return e.at.In(china).Format(time.DateTime) }},
	{"公众账号ID", func(e entry) string { return e.order.AppID }},
	{"商户号", func(e entry) string { return e.order.MerchantID }},
	{"特约商户号", func(e entry) string { return cmp.Or(e.order.SubID, "0") }},
	{"设备号", func(entry) string { return "" }},
	{"微信订单号", func(e entry) string { return e.order.TransactionID }},
	{"商户订单号", func(e entry) string { return e.order.OutTradeNo }},
	{"用户标识", func(e entry) string { return e.order.OpenID }},
	{"交易类型", func(e entry) string { return e.order.Kind }},
	{"交易状态", func(e entry) string { return e.state() }},
	{"付款银行", func(entry) string { return "OTHERS" }},
	{"货币种类", func(entry) string { return "CNY" }},
	{"应结订单金额", func(e entry) string { return yuan(e.paid()) }},
	{"代金券金额", func(entry) string { return "0.00" }},
	{"微信退款单号", func(e entry) string { return e.refundNumber(func(f *Refund) string { return f.ID }) }},
	{"商户退款单号", func(e entry) string { return e.refundNumber(func(f *Refund) string { return f.OutRefundNo }) }},
	{"退款金额", func(e entry) string { return yuan(e.back()) }},
	{"充值券退款金额", func(entry) string { return "0.00" }},
	{"退款类型", func(e entry) string { return e.of("", "ORIGINAL") }},
	{"退款状态", func(e entry) string { return e.of("", "SUCCESS") }},
	{"商品名称", func(e entry) string { return e.order.Description }},
	{"商户数据包", func(e entry) string { return e.order.Attach }},
	{"手续费", func(entry) string { return "0.00000" }},
	{"费率", func(entry) string { return "0.00%" }},
	{"订单金额", func(e entry) string { return yuan(e.paid()) }},
	{"申请退款金额", func(e entry) string { return yuan(e.back()) }},
	{"费率备注", func(entry) string { return "" }},
}

// left out of the bill of payments alone.
var refundColumns = []string{"微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态", "申请退款金额"}

func (e entry) of(payment, refund string) string {
	if e.refund == nil {
		return payment
	}
	return refund
}

func (e entry) state() string {
	if e.refund != nil && e.order.State == "REVOKED" {
		return "REVOKED"
	}
	return e.of("SUCCESS", "REFUND")
}

func (e entry) refundNumber(of func(*Refund) string) string {
	if e.refund == nil {
		return "0"
	}
	return of(e.refund)
}

func (e entry) paid() int64 {
	if e.refund != nil {
		return 0
	}
	return e.order.Total
}

func (e entry) back() int64 {
	if e.refund == nil {
		return 0
	}
	return e.refund.Refund
}

func yuan(fen int64) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

// table writes a bill: a mark for spreadsheets before each value keeps them from taking numbers for numbers.
func table(head []string, rows [][]string, sumHead, sums []string) []byte {
	var b bytes.Buffer
	b.WriteString("\ufeff" + strings.Join(head, ",") + "\r\n")
	for _, row := range append(slices.Clip(rows), nil, sums) {
		if row == nil {
			b.WriteString(strings.Join(sumHead, ",") + "\r\n")
			continue
		}
		for i, value := range row {
			row[i] = "`" + strings.NewReplacer(",", " ", "\r", " ", "\n", " ").Replace(value)
		}
		b.WriteString(strings.Join(row, ",") + "\r\n")
	}
	return b.Bytes()
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

// flows writes what went into and out of an account.
// https://pay.weixin.qq.com/docs/merchant/products/bill-download/structure/fund-bill.html
func flows(entries []entry) []byte {
	head := []string{"记账时间", "微信支付业务单号", "资金流水单号", "业务名称", "业务类型", "收支类型", "收支金额(元)", "账户结余(元)", "资金变更提交申请人", "备注", "业务凭证号"}
	var rows [][]string
	var in, out, left int64
	var ins, outs int
	for _, e := range entries {
		amount, number := e.paid(), e.order.TransactionID
		if e.refund != nil {
			amount, number = e.back(), e.refund.ID
			out, outs, left = out+amount, outs+1, left-amount
		} else {
			in, ins, left = in+amount, ins+1, left+amount
		}
		rows = append(rows, []string{
			e.at.In(china).Format(time.DateTime), e.order.TransactionID, number, e.of("交易", "退款"), e.of("交易", "退款"), e.of("收入", "支出"), yuan(amount), yuan(max(left, 0)), "system", "",
			e.of(e.order.OutTradeNo, e.refundNumber(func(f *Refund) string { return f.OutRefundNo })),
		})
	}
	return table(head, rows, []string{"资金流水总笔数", "收入笔数", "收入金额", "支出笔数", "支出金额"}, []string{fmt.Sprint(len(entries)), fmt.Sprint(ins), yuan(in), fmt.Sprint(outs), yuan(out)})
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
