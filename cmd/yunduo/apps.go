package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"yunduo"
	client "yunduo/sdk/go"
	"yunduo/wire"
)

var appTexts = struct{ apps, list, create, get, set, remove, purge, deleted, restore, age, bytes, logDays, name, needToken, changeNothing text }{
	apps:          text{"Look after apps", "管理应用"},
	list:          text{"List apps", "列出应用"},
	create:        text{"Make an app", "新建应用"},
	get:           text{"Show the settings of the app", "查看应用设置"},
	set:           text{"Change settings of the app", "修改应用设置"},
	remove:        text{"Delete an app; for a while it can be brought back", "删除应用，保留期内可恢复"},
	purge:         text{"drop everything it has at once: it cannot be brought back", "立即彻底删除，无法恢复"},
	deleted:       text{"List deleted apps that can be brought back", "列出可恢复的已删除应用"},
	restore:       text{"Bring a deleted app back", "恢复已删除的应用"},
	age:           text{"how long changes of its documents are kept; 0 is the server's setting", "变更日志保留时长，0 表示使用服务器设置"},
	bytes:         text{"how many bytes of changes are kept; 0 is the server's setting", "变更日志保留字节数，0 表示使用服务器设置"},
	logDays:       text{"how many days records of invocations are kept, up to 365; 0 is the default, 7", "调用日志保留天数，最多 365；0 表示默认 7 天"},
	name:          text{"its name", "应用名称"},
	needToken:     text{"operator's token (YUNDUO_OPERATOR_TOKEN)", "管理员令牌 (YUNDUO_OPERATOR_TOKEN)"},
	changeNothing: text{"nothing to change: give --name, --log-days, --change-log-age or --change-log-bytes", "没有要修改的内容：请给出 --name、--log-days、--change-log-age 或 --change-log-bytes"},
}

func appsCommand(l language) *cobra.Command {
	cmd := &cobra.Command{Use: "apps", Short: l.say(appTexts.apps)}
	cmd.AddCommand(appsList(l), appsCreate(l), appsGet(l), appsSet(l), appsDelete(l), appsDeleted(l), appsRestore(l))
	return cmd
}

// operatorVerb is a verb that takes an operator's token where there is one, else the key of an app.
func operatorVerb(l language, use, short string, args cobra.PositionalArgs, run func(cmd *cobra.Command, c *client.Client, args []string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: args}
	var token, server string
	cmd.Flags().StringVar(&token, "token", "", l.say(appTexts.needToken))
	cmd.Flags().StringVar(&server, "server", "", "the server's address (YUNDUO_URL)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		token := cmp.Or(token, os.Getenv("YUNDUO_OPERATOR_TOKEN"))
		if url := cmp.Or(server, os.Getenv("YUNDUO_URL")); token != "" && url != "" {
			return run(cmd, client.New(url, "", token), args)
		}
		t, err := findTarget(".", target{URL: server, APIKey: token})
		if err != nil {
			return err
		}
		return run(cmd, client.New(t.URL, yunduo.AppID(t.App), cmp.Or(token, t.APIKey)), args)
	}
	return cmd
}

func appsList(l language) *cobra.Command {
	return listing(operatorVerb(l, "list", l.say(appTexts.list), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
		list, err := c.Apps(cmd.Context())
		if err != nil {
			return err
		}
		return printList(cmd, l, list, "ID\tNAME\tCHANGES KEPT\tCREATED", func(a wire.App) string {
			return fmt.Sprintf("%s\t%s\t%s\t%s", a.ID, a.Name, kept(a.ChangeLog), a.CreatedAt.Local().Format(time.DateTime))
		})
	}))
}

// kept says how much of the changes is kept.
func kept(c wire.ChangeLog) string {
	age, bytes := "-", "-"
	if c.AgeSeconds > 0 {
		age = (time.Duration(c.AgeSeconds) * time.Second).String()
	}
	if c.Bytes > 0 {
		bytes = fmt.Sprint(c.Bytes)
	}
	return age + " / " + bytes
}

func appsCreate(l language) *cobra.Command {
	var name string
	cmd := operatorVerb(l, "create ID", l.say(appTexts.create), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		request := wire.AppRequest{ID: args[0]}
		if name != "" {
			request.Name = &name
		}
		app, err := c.CreateApp(cmd.Context(), request)
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), app)
	})
	cmd.Flags().StringVar(&name, "name", "", l.say(appTexts.name))
	return cmd
}

func appsGet(l language) *cobra.Command {
	return verb("get", l.say(appTexts.get), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
		app, err := c.App(cmd.Context())
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), app)
	})
}

func appsSet(l language) *cobra.Command {
	var name string
	var age time.Duration
	var bytes int64
	var logDays int
	cmd := verb("set", l.say(appTexts.set), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
		var change wire.AppRequest
		if cmd.Flags().Changed("name") {
			change.Name = &name
		}
		aged, sized := cmd.Flags().Changed("change-log-age"), cmd.Flags().Changed("change-log-bytes")
		if aged || sized {
			now, err := c.App(cmd.Context())
			if err != nil {
				return err
			}
			log := now.ChangeLog
			if aged {
				log.AgeSeconds = int64(age / time.Second)
			}
			if sized {
				log.Bytes = bytes
			}
			change.ChangeLog = &log
		}
		if cmd.Flags().Changed("log-days") {
			change.LogDays = &logDays
		}
		if change == (wire.AppRequest{}) {
			return errors.New(l.say(appTexts.changeNothing))
		}
		app, err := c.UpdateApp(cmd.Context(), change)
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), app)
	})
	cmd.Flags().StringVar(&name, "name", "", l.say(appTexts.name))
	cmd.Flags().DurationVar(&age, "change-log-age", 0, l.say(appTexts.age))
	cmd.Flags().Int64Var(&bytes, "change-log-bytes", 0, l.say(appTexts.bytes))
	cmd.Flags().IntVar(&logDays, "log-days", 0, l.say(appTexts.logDays))
	return cmd
}

func appsDelete(l language) *cobra.Command {
	var purge bool
	cmd := operatorVerb(l, "delete ID", l.say(appTexts.remove), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		id := yunduo.AppID(args[0])
		err := c.DeleteApp(cmd.Context(), id)
		if !purge || err != nil && yunduo.ReasonOf(err) != yunduo.ReasonAppNotFound { // it may be deleted already
			return err
		}
		return c.PurgeApp(cmd.Context(), id)
	})
	cmd.Flags().BoolVar(&purge, "purge", false, l.say(appTexts.purge))
	return cmd
}

func appsDeleted(l language) *cobra.Command {
	return listing(operatorVerb(l, "deleted", l.say(appTexts.deleted), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
		list, err := c.DeletedApps(cmd.Context())
		if err != nil {
			return err
		}
		return printList(cmd, l, list, "ID\tNAME\tDELETED\tUNTIL", func(a wire.DeletedApp) string {
			return fmt.Sprintf("%s\t%s\t%s\t%s", a.ID, a.Name, a.DeletedAt.Local().Format(time.DateTime), a.Until.Local().Format(time.DateTime))
		})
	}))
}

func appsRestore(l language) *cobra.Command {
	return operatorVerb(l, "restore ID", l.say(appTexts.restore), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		app, err := c.UndeleteApp(cmd.Context(), yunduo.AppID(args[0]))
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), app)
	})
}
