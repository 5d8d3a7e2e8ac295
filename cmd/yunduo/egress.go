package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	client "yunduo/sdk/go"
	"yunduo/wire"
)

var egressTexts = struct{ egress, list, set, all text }{
	egress: text{"Say where the functions of an app may connect to", "设置应用的云函数可以访问哪些网络地址"},
	list:   text{"List the destinations", "列出允许访问的地址"},
	set:    text{"Allow these destinations and no others; none lifts the list", "只允许访问这些地址；不带参数则取消限制"},
	all:    text{"everywhere in the public internet", "公网任意地址"},
}

func egressCommand(l language) *cobra.Command {
	cmd := &cobra.Command{Use: "egress", Short: l.say(egressTexts.egress)}
	show := func(cmd *cobra.Command, app wire.App) error {
		if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
			return printJSON(cmd.OutOrStdout(), append([]string{}, app.Destinations...))
		}
		if len(app.Destinations) == 0 {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), l.say(egressTexts.all))
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(app.Destinations, "\n"))
		return err
	}
	cmd.AddCommand(
		listing(verb("list", l.say(egressTexts.list), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
			app, err := c.App(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, app)
		})),
		listing(verb("set [DESTINATION...]", l.say(egressTexts.set), cobra.ArbitraryArgs, func(cmd *cobra.Command, c *client.Client, args []string) error {
			list := append([]string{}, args...)
			app, err := c.UpdateApp(cmd.Context(), wire.AppRequest{Destinations: &list})
			if err != nil {
				return err
			}
			return show(cmd, app)
		})),
	)
	return cmd
}
