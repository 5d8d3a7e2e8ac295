package wechat_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/wechat"
)

// noon is some day in China.
func noon() *clock {
	return &clock{at: time.Date(2026, 3, 9, 4, 0, 0, 0, time.UTC)}
}

// lines reads a bill as code does.
func lines(t *testing.T, reply map[string]any) [][]string {
	t.Helper()
	require.Equal(t, "SUCCESS", reply["return_code"], "%v", reply)
	var table [][]string
	for line := range strings.Lines(reply["data"].(string)) {
		table = append(table, strings.Split(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "`", ""), ","))
	}
	return table
}

// column finds a value of a bill by the name of its column.
func column(t *testing.T, table [][]string, row int, name string) string {
	t.Helper()
	for i, head := range table[0] {
		if head == name {
			return table[row][i]
		}
	}
	require.Fail(t, "there is no column "+name, "%v", table[0])
	return ""
}

func TestPay_Bills(t *testing.T) {
	c := noon()
	w := open(t, func(o *wechat.Options) { o.Now = c.now })
	w.stand.SetNow(c.now)
	w.merchant(t, true)
	for _, number := range []string{"order-1", "order-2"} {
		w.pay(t, "unifiedOrder", order(number))
	}
	_, err := w.stand.Pay("order-1") // the other one is never paid
	require.NoError(t, err)
	w.pay(t, "refund", map[string]any{"out_trade_no": "order-1", "out_refund_no": "refund-1", "total_fee": 100.0, "refund_fee": 30.0})
	today := map[string]any{"bill_date": "20260309"}
	early := w.pay(t, "downloadBill", today)
	require.Equal(t, []any{"FAIL", "Bill Creating", "STATEMENT_CREATING"}, []any{early["return_code"], early["return_msg"], early["error_code"]})
	c.add(22 * time.Hour) // ten o'clock on the next day

	all := lines(t, w.pay(t, "downloadBill", today))
	require.Equal(t, "交易时间", all[0][0], "no mark of the encoding before it")
	require.Len(t, all, 5, "a head, a payment, a refund, a head, sums")
	for row, want := range map[int][]string{1: {"order-1", "SUCCESS", "1.00", "0.00", "0"}, 2: {"order-1", "REFUND", "0.00", "0.30", "refund-1"}} {
		require.Equal(t, want, []string{
			column(t, all, row, "商户订单号"), column(t, all, row, "交易状态"), column(t, all, row, "订单金额"), column(t, all, row, "退款金额"), column(t, all, row, "商户退款单号"),
		})
		require.Equal(t, mchID, column(t, all, row, "商户号"))
		require.Equal(t, "0", column(t, all, row, "特约商户号"))
	}
	require.Equal(t, []string{"2", "1.00", "0.30"}, all[4][:3])
	require.Len(t, lines(t, w.pay(t, "downloadBill", map[string]any{"bill_date": "2026-03-09", "bill_type": "SUCCESS", "tar_type": "GZIP"})), 4)
	require.Equal(t, "REFUND", column(t, lines(t, w.pay(t, "downloadBill", map[string]any{"bill_date": "20260309", "bill_type": "refund"})), 1, "交易状态"))
	flows := lines(t, w.pay(t, "downloadFundflow", map[string]any{"bill_date": "20260309", "account_type": "Basic"}))
	require.Equal(t, []string{"收入", "支出"}, []string{column(t, flows, 1, "收支类型"), column(t, flows, 2, "收支类型")})
	require.Equal(t, []string{"2", "1", "1.00", "1", "0.30"}, flows[4])

	for name, refused := range map[string]map[string]any{
		"a day without":  w.pay(t, "downloadBill", map[string]any{"bill_date": "20260308"}),
		"a quiet purse":  w.pay(t, "downloadFundflow", map[string]any{"bill_date": "20260309", "account_type": "Fees"}),
		"no day at all":  w.pay(t, "downloadBill", nil),
		"no such day":    w.pay(t, "downloadBill", map[string]any{"bill_date": "20260231"}),
		"long ago":       w.pay(t, "downloadBill", map[string]any{"bill_date": "20250309"}),
		"no such type":   w.pay(t, "downloadBill", map[string]any{"bill_date": "20260309", "bill_type": "NONE"}),
		"other merchant": w.pay(t, "downloadBill", map[string]any{"bill_date": "20260309", "sub_mch_id": "1600000001"}),
	} {
		require.Equal(t, "FAIL", refused["return_code"], "%s: %v", name, refused)
		require.NotContains(t, refused, "data", name)
		if strings.HasPrefix(name, "a ") {
			require.Equal(t, []any{"No Bill Exist", "20002"}, []any{refused["return_msg"], refused["error_code"]}, name)
		}
	}
}

// A bill bears no signature: what the signed answer said of it must prove it, and its address is the merchant's alone.
func TestPay_BillsOfImpostors(t *testing.T) {
	c := noon()
	tamper := func([]byte) []byte { return nil }
	var address string
	var w *world
	relay := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		seen := httptest.NewRecorder()
		r.RequestURI = r.URL.RequestURI()
		w.stand.ServeHTTP(seen, r)
		body := seen.Body.Bytes()
		if r.URL.Path == "/v3/billdownload/file" {
			address = r.URL.RequestURI()
			if changed := tamper(body); changed != nil {
				body = changed
			}
		}
		for name, values := range seen.Header() {
			rw.Header()[name] = values
		}
		rw.WriteHeader(seen.Code)
		_, _ = io.Copy(rw, bytes.NewReader(body))
	}))
	t.Cleanup(relay.Close)
	w = open(t, func(o *wechat.Options) { o.Now, o.PayEndpoint = c.now, relay.URL })
	w.stand.SetNow(c.now)
	w.merchant(t, true)
	w.pay(t, "unifiedOrder", order("order-1"))
	_, err := w.stand.Pay("order-1")
	require.NoError(t, err)
	c.add(22 * time.Hour)
	today := map[string]any{"bill_date": "20260309"}
	require.Len(t, lines(t, w.pay(t, "downloadBill", today)), 4)
	for name, forge := range map[string]func([]byte) []byte{
		"another text":   func([]byte) []byte { return []byte("交易时间,公众账号ID\r\n") },
		"a broken file":  func(b []byte) []byte { return b[:len(b)/2] },
		"too large":      func([]byte) []byte { return make([]byte, 17<<20) },
		"nothing at all": func([]byte) []byte { return []byte{} },
	} {
		tamper = forge
		reply, err := w.Pay(t.Context(), code("o1"), app, "downloadBill", w.own, today)
		if name == "too large" {
			require.NoError(t, err)
			require.Equal(t, "BILL_TOO_LARGE", reply["err_code"])
			continue
		}
		requireReason(t, err, yunduo.ReasonWechatUnavailable)
	}

	reply, err := http.Get(relay.URL + address)
	require.NoError(t, err)
	reply.Body.Close()
	require.Equal(t, http.StatusUnauthorized, reply.StatusCode, "who has the address alone gets nothing")
}
