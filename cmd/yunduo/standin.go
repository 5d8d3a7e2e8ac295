package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	client "yunduo/sdk/go"
	"yunduo/wire"
)

// desk is the part of the stand-in at which a developer does what users do.
type desk struct {
	*wire.WeChatStandIn
}

// atDesk makes a verb that acts at the stand-in of the app.
func atDesk(l language, use, short string, args cobra.PositionalArgs, run func(cmd *cobra.Command, d desk, args []string) error) *cobra.Command {
	return verb(use, short, args, func(cmd *cobra.Command, c *client.Client, args []string) error {
		settings, err := c.WeChat(cmd.Context())
		if err != nil {
			return err
		}
		if settings.StandIn == nil {
			return errors.New(l.say(wechatTexts.stale))
		}
		return run(cmd, desk{settings.StandIn}, args)
	})
}

// ask sends a request to the stand-in and decodes its answer.
func (d desk) ask(ctx context.Context, method, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, d.URL+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		var said struct{ Error string }
		if json.Unmarshal(answer, &said) == nil && said.Error != "" {
			return errors.New(said.Error)
		}
		return fmt.Errorf("%s: %s", response.Status, answer)
	}
	return json.Unmarshal(answer, into)
}

// standInOrder is an order as the stand-in lists it.
type standInOrder struct {
	AppID       string    `json:"appid"`
	OutTradeNo  string    `json:"out_trade_no"`
	Description string    `json:"description"`
	Total       int64     `json:"total"`
	OpenID      string    `json:"openid"`
	State       string    `json:"trade_state"`
	NotifyURL   string    `json:"notify_url,omitempty"`
	Notified    string    `json:"notified,omitempty"`
	CreatedAt   time.Time `json:"createdAt"`
}

func standInOrders(l language) *cobra.Command {
	return listing(atDesk(l, "orders", l.say(wechatTexts.orders), cobra.NoArgs, func(cmd *cobra.Command, d desk, _ []string) error {
		var found struct{ Orders []standInOrder }
		if err := d.ask(cmd.Context(), http.MethodGet, "/standin/orders", nil, &found); err != nil {
			return err
		}
		return printList(cmd, l, found.Orders, "ORDER\tSTATE\tFEN\tOPENID\tDESCRIPTION", func(o standInOrder) string {
			return fmt.Sprintf("%s\t%s\t%d\t%s\t%s", o.OutTradeNo, o.State, o.Total, o.OpenID, o.Description)
		})
	}))
}

func standInPay(l language) *cobra.Command {
	var on string
	cmd := atDesk(l, "pay ORDER", l.say(wechatTexts.pay), cobra.ExactArgs(1), func(cmd *cobra.Command, d desk, args []string) error {
		var paid struct{ Order standInOrder }
		if err := d.ask(cmd.Context(), http.MethodPost, "/standin/pay", map[string]string{"outTradeNo": args[0], "on": on}, &paid); err != nil {
			return err
		}
		said := wechatTexts.paid
		if paid.Order.NotifyURL == "" {
			said = wechatTexts.paidByCode
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), l.say(said, paid.Order.OutTradeNo))
		return err
	})
	cmd.Flags().StringVar(&on, "on", "", "pay on a day of the past, as 2026-03-09, to have the payment in its bill")
	return cmd
}

func standInMessage(l language) *cobra.Command {
	var openID, event string
	cmd := atDesk(l, "message [TEXT]", l.say(wechatTexts.message), cobra.MaximumNArgs(1), func(cmd *cobra.Command, d desk, args []string) error {
		message := map[string]any{"FromUserName": openID, "MsgType": "text"}
		if event != "" {
			message["MsgType"], message["Event"] = "event", event
		}
		if len(args) > 0 {
			message["Content"] = args[0]
		}
		var got struct{ Answer string }
		if err := d.ask(cmd.Context(), http.MethodPost, "/standin/messages", map[string]any{"appId": d.AppID, "message": message}, &got); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), got.Answer)
		return err
	})
	cmd.Flags().StringVar(&openID, "openid", "dev-user", "who writes")
	cmd.Flags().StringVar(&event, "event", "", "an event instead of a text, such as user_enter_tempsession")
	return cmd
}

func standInSent(l language) *cobra.Command {
	type sent struct {
		At     time.Time       `json:"at"`
		Kind   string          `json:"kind"`
		OpenID string          `json:"openId"`
		Body   json.RawMessage `json:"body"`
	}
	return listing(atDesk(l, "sent", l.say(wechatTexts.sent), cobra.NoArgs, func(cmd *cobra.Command, d desk, _ []string) error {
		var found struct{ Sent []sent }
		if err := d.ask(cmd.Context(), http.MethodGet, "/standin/sent", nil, &found); err != nil {
			return err
		}
		return printList(cmd, l, found.Sent, "TIME\tKIND\tOPENID\tMESSAGE", func(s sent) string {
			return fmt.Sprintf("%s\t%s\t%s\t%s", s.At.Local().Format(time.TimeOnly), s.Kind, s.OpenID, s.Body)
		})
	}))
}

func standInCloudID(l language) *cobra.Command {
	var openID string
	cmd := atDesk(l, "cloudid JSON", l.say(wechatTexts.cloudID), cobra.ExactArgs(1), func(cmd *cobra.Command, d desk, args []string) error {
		if !json.Valid([]byte(args[0])) {
			return fmt.Errorf("%q is not JSON", args[0])
		}
		var made struct{ CloudID string }
		if err := d.ask(cmd.Context(), http.MethodPost, "/standin/cloudIds", map[string]any{"appId": d.AppID, "openId": openID, "data": json.RawMessage(args[0])}, &made); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), made.CloudID)
		return err
	})
	cmd.Flags().StringVar(&openID, "openid", "dev-user", "whose data it is")
	return cmd
}
