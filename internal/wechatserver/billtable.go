package wechatserver

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// entry is a payment or a refund of a day.
type entry struct {
	at     time.Time
	order  *Order
	refund *Refund // nil for a payment
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
