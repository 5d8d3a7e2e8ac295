package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	client "yunduo/sdk/go"
	"yunduo/wire"
)

var userTexts = struct{ users, list, create, password, sessions, revoke, remove, keys, keyCreate, keyList, keyDelete text }{
	users:     text{"Look after end users", "管理用户"},
	list:      text{"List users", "列出用户"},
	create:    text{"Make a user who signs in with a password", "新建用户名密码用户"},
	password:  text{"Give a user a new password", "重设用户密码"},
	sessions:  text{"List the sessions of a user", "列出用户的登录会话"},
	revoke:    text{"End a session of a user", "结束用户的一个登录会话"},
	remove:    text{"Delete a user", "删除用户"},
	keys:      text{"Look after key pairs for custom sign-in", "管理自定义登录密钥"},
	keyCreate: text{"Make a key pair and print it as a credentials file", "生成密钥并输出凭证文件"},
	keyList:   text{"List key pairs", "列出密钥"},
	keyDelete: text{"Delete a key pair", "删除密钥"},
}

func usersCommand(l language) *cobra.Command {
	cmd := &cobra.Command{Use: "users", Short: l.say(userTexts.users)}
	cmd.AddCommand(
		usersList(l), usersSessions(l), ticketKeys(l),
		verb("create NAME PASSWORD", l.say(userTexts.create), cobra.ExactArgs(2), func(cmd *cobra.Command, c *client.Client, args []string) error {
			user, err := c.CreateUser(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), user)
		}),
		verb("password ID PASSWORD", l.say(userTexts.password), cobra.ExactArgs(2), func(cmd *cobra.Command, c *client.Client, args []string) error {
			return c.SetUserPassword(cmd.Context(), args[0], args[1])
		}),
		verb("revoke ID SESSION", l.say(userTexts.revoke), cobra.ExactArgs(2), func(cmd *cobra.Command, c *client.Client, args []string) error {
			return c.RevokeUserSession(cmd.Context(), args[0], args[1])
		}),
		verb("delete ID", l.say(userTexts.remove), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
			return c.DeleteUser(cmd.Context(), args[0])
		}),
	)
	return cmd
}

func usersList(l language) *cobra.Command {
	var request wire.ListUsersRequest
	cmd := listing(verb("list", l.say(userTexts.list), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
		page, err := c.Users(cmd.Context(), request)
		if err != nil {
			return err
		}
		return printList(cmd, l, page.Users, "ID\tPROVIDER\tNAME\tOPENID\tCREATED", func(u wire.User) string {
			name := u.Username
			if name == "" {
				name = u.Phone + u.Email
			}
			return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", u.ID, u.Provider, name, u.OpenID, u.CreatedAt.Local().Format(time.DateTime))
		})
	}))
	cmd.Flags().StringVar(&request.Search, "search", "", "part of a name, openid or ID")
	return cmd
}

func usersSessions(l language) *cobra.Command {
	return listing(verb("sessions ID", l.say(userTexts.sessions), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		list, err := c.UserSessions(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return printList(cmd, l, list, "ID\tPROVIDER\tDEVICE\tIP\tCREATED", func(s wire.Session) string {
			return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", s.ID, s.Provider, s.Device, s.IP, s.CreatedAt.Local().Format(time.DateTime))
		})
	}))
}

func ticketKeys(l language) *cobra.Command {
	cmd := &cobra.Command{Use: "ticket-key", Short: l.say(userTexts.keys)}
	cmd.AddCommand(
		verb("create", l.say(userTexts.keyCreate), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
			key, err := c.CreateTicketKey(cmd.Context())
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), key)
		}),
		listing(verb("list", l.say(userTexts.keyList), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
			list, err := c.TicketKeys(cmd.Context())
			if err != nil {
				return err
			}
			return printList(cmd, l, list, "KEY\tCREATED", func(k wire.TicketKey) string {
				return fmt.Sprintf("%s\t%s", k.ID, k.CreatedAt.Local().Format(time.DateTime))
			})
		})),
		verb("delete KEY", l.say(userTexts.keyDelete), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
			return c.DeleteTicketKey(cmd.Context(), args[0])
		}),
	)
	return cmd
}
