package wechat

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// refundRecord remembers the last refund of an order: the older API finds refunds by their order, API v3 does not.
type refundRecord struct {
	ID          string    `bson:"_id"` // APP/o/OUT_TRADE_NO or APP/t/TRANSACTION_ID
	OutRefundNo string    `bson:"outRefundNo"`
	At          time.Time `bson:"at"`
}

func refundsOf(app yunduo.AppID) bson.D {
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: string(app) + "/"}, {Key: "$lt", Value: string(app) + "0"}}}}
}

// rememberRefund keeps the number of a refund that was made.
func (s *Service) rememberRefund(ctx context.Context, app yunduo.AppID, r refundState) error {
	rec := refundRecord{OutRefundNo: r.OutRefundNo, At: s.options.Now().UTC().Truncate(time.Millisecond)}
	if err := s.refunds.Put(ctx, string(app)+"/o/"+r.OutTradeNo, rec); err != nil {
		return err
	}
	return s.refunds.Put(ctx, string(app)+"/t/"+r.TransactionID, rec)
}

// refundNumber is the number of the refund that a call asks for: its own, or that of the order's last refund which was
// made here.
func (c *payCall) refundNumber(ctx context.Context) (string, error) {
	if number := c.text("out_refund_no"); number != "" {
		return number, nil
	}
	for kind, name := range map[string]string{"o": "out_trade_no", "t": "transaction_id"} {
		order := c.text(name)
		if order == "" {
			continue
		}
		rec, err := c.service.refunds.Get(ctx, string(c.app)+"/"+kind+"/"+order)
		if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
			return "", &payRefusal{"REFUNDNOTEXIST", "no refund of this order was made here"}
		}
		return rec.OutRefundNo, err
	}
	return "", &payRefusal{"PARAM_ERROR", "outRefundNo, outTradeNo or transactionId is missing"}
}
