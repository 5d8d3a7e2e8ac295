package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	client "yunduo/sdk/go"
	"yunduo/wire"
)

var wechatTexts = struct {
	wechat, show, set, orders, pay, message, sent, cloudID, label, standIn, paid, paidByCode, stale text
}{
	wechat:     text{"Set up WeChat services, and play WeChat in development", "设置微信服务；开发时代替微信"},
	show:       text{"Show what is set, without secrets", "查看设置（不含密钥）"},
	set:        text{"Change settings; what is not given stays", "修改设置，未给出的保持不变"},
	orders:     text{"List the orders at the stand-in", "列出替身处的订单"},
	pay:        text{"Pay an order at the stand-in, which tells the function", "在替身处支付订单并通知云函数"},
	message:    text{"Write to the app as a user does, at the stand-in", "以用户身份向应用发消息"},
	sent:       text{"List what the app sent to users, at the stand-in", "列出应用发给用户的消息"},
	cloudID:    text{"Make a cloud ID for some open data, at the stand-in", "为一份开放数据生成 cloudID"},
	label:      text{"WeChat", "微信"},
	standIn:    text{"a stand-in plays it, as the app has no secret: %s", "应用未设置密钥，由替身代替：%s"},
	paid:       text{"%s is paid and the function was told", "%s 已支付，云函数已收到通知"},
	paidByCode: text{"%s is paid; nobody is told of payments by code", "%s 已支付；付款码支付没有通知"},
	stale:      text{"no stand-in plays WeChat for this app: it has a secret, or this is no \"yunduo dev\"", "此应用没有微信替身：已设置密钥，或不是 yunduo dev"},
}

func wechatCommand(l language) *cobra.Command {
	cmd := &cobra.Command{Use: "wechat", Short: l.say(wechatTexts.wechat)}
	cmd.AddCommand(wechatShow(l), wechatSet(l), standInOrders(l), standInPay(l), standInMessage(l), standInSent(l), standInCloudID(l))
	return cmd
}

func wechatShow(l language) *cobra.Command {
	return verb("show", l.say(wechatTexts.show), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
		settings, err := c.WeChat(cmd.Context())
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), settings)
	})
}

// wechatFlags are what "wechat set" takes. Secrets come from files, or "-" for the standard input: a command line is
// seen by everybody on the machine and kept in histories.
type wechatFlags struct {
	appID, secretFile                                string
	merchant, serial, keyFile, v3File, payID, payKey string
	token, aesFile                                   string
	provider                                         string
	subs, routes                                     []string
	removeMerchant                                   bool
}

func wechatSet(l language) *cobra.Command {
	var f wechatFlags
	cmd := verb("set", l.say(wechatTexts.set), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
		change, err := f.change(cmd)
		if err != nil {
			return err
		}
		settings, err := c.SetWeChat(cmd.Context(), change)
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), settings)
	})
	flags := cmd.Flags()
	flags.StringVar(&f.appID, "app-id", "", "WeChat app ID")
	flags.StringVar(&f.secretFile, "secret-file", "", "file with the app's secret; - reads it from the standard input")
	flags.StringVar(&f.merchant, "merchant", "", "merchant number")
	flags.StringVar(&f.serial, "merchant-serial", "", "serial number of the merchant's API certificate")
	flags.StringVar(&f.keyFile, "merchant-key", "", "file with the private key of that certificate: apiclient_key.pem")
	flags.StringVar(&f.v3File, "merchant-apiv3-key-file", "", "file with the merchant's API v3 key; - reads it from the standard input")
	flags.StringVar(&f.payID, "pay-public-key-id", "", "ID of WeChat Pay's public key: PUB_KEY_ID_...")
	flags.StringVar(&f.payKey, "pay-public-key", "", "file with WeChat Pay's public key: pub_key.pem")
	flags.StringVar(&f.provider, "provider-app-id", "", "app ID that the merchant is bound to as a service provider, who takes payments for sub-merchants")
	flags.StringSliceVar(&f.subs, "sub-merchant", nil, "number of a sub-merchant that the app serves, * for all of the provider's; replaces all that are set")
	flags.BoolVar(&f.removeMerchant, "remove-merchant", false, "forget the merchant")
	flags.StringVar(&f.token, "push-token", "", "token of the message push")
	flags.StringVar(&f.aesFile, "push-aes-key-file", "", "file with the EncodingAESKey of the message push; - reads it from the standard input")
	flags.StringSliceVar(&f.routes, "route", nil, "TYPE[/EVENT]=FUNCTION gets such messages, * any; replaces all routes")
	return cmd
}

func (f wechatFlags) change(cmd *cobra.Command) (wire.WeChatSettingsRequest, error) {
	var change wire.WeChatSettingsRequest
	given := cmd.Flags().Changed
	var failed error
	read := func(name string) *string {
		text, err := secretText(cmd.InOrStdin(), name)
		failed = errors.Join(failed, err)
		return &text
	}
	if given("app-id") {
		change.AppID = &f.appID
	}
	if given("secret-file") {
		change.Secret = read(f.secretFile)
	}
	if given("push-token") {
		change.Token = &f.token
	}
	if given("push-aes-key-file") {
		change.AESKey = read(f.aesFile)
	}
	if f.merchant != "" || f.removeMerchant {
		m := wire.WeChatMerchant{ID: f.merchant, Serial: f.serial, PublicKeyID: f.payID, ProviderAppID: f.provider, SubMerchants: f.subs}
		for _, part := range []struct {
			into *string
			file string
		}{{&m.PrivateKey, f.keyFile}, {&m.APIv3Key, f.v3File}, {&m.PublicKey, f.payKey}} {
			if part.file != "" {
				*part.into = *read(part.file)
			}
		}
		change.Merchant = &m
	} else if f.serial+f.keyFile+f.v3File+f.payID+f.payKey+f.provider != "" || len(f.subs) > 0 {
		return change, errors.New("--merchant says whose these settings are")
	}
	if given("route") {
		routes := []wire.WeChatRoute{}
		for _, text := range f.routes {
			route, err := parseRoute(text)
			if err != nil {
				return change, err
			}
			routes = append(routes, route)
		}
		change.Routes = &routes
	}
	return change, failed
}

// maxSecret bounds what is read from a file with a secret, in bytes.
const maxSecret = 64 << 10

// secretText reads a secret from a file, without the line end that editors add.
func secretText(stdin io.Reader, name string) (string, error) {
	from := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, maxSecret+1))
	if err == nil && len(text) > maxSecret {
		err = fmt.Errorf("%s: larger than %d KiB", name, maxSecret>>10)
	}
	return strings.TrimRight(string(text), "\r\n"), err
}

func parseRoute(text string) (wire.WeChatRoute, error) {
	match, function, ok := strings.Cut(text, "=")
	if !ok || function == "" || match == "" {
		return wire.WeChatRoute{}, fmt.Errorf("--route: %q is not like text=onText or event/user_enter_tempsession=onEnter", text)
	}
	kind, event, _ := strings.Cut(match, "/")
	if kind == "*" {
		kind = ""
	}
	return wire.WeChatRoute{Type: kind, Event: event, Function: function}, nil
}
