package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	client "yunduo/sdk/go"
	"yunduo/wire"
)

var secretTexts = struct{ secrets, list, set, remove, env, envList, envSet, envRemove text }{
	secrets:   text{"Look after secrets of functions", "管理云函数的密钥"},
	list:      text{"List secrets, without their values", "列出密钥（不含值）"},
	set:       text{"Set a secret from the standard input, live for the next call", "从标准输入设置密钥，下一次调用即生效"},
	remove:    text{"Delete a secret", "删除密钥"},
	env:       text{"Look after variables of functions", "管理云函数的环境变量"},
	envList:   text{"List variables", "列出环境变量"},
	envSet:    text{"Set variables, live for the next call", "设置环境变量，下一次调用即生效"},
	envRemove: text{"Delete a variable", "删除环境变量"},
}

// variablesCommand is what secrets and env have in common.
func variablesCommand(l language, use string, about, list, remove text, secret bool, set *cobra.Command) *cobra.Command {
	var function string
	cmd := &cobra.Command{Use: use, Short: l.say(about)}
	removal := verb("delete NAME", l.say(remove), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		return c.DeleteVariable(cmd.Context(), function, args[0])
	})
	removal.Flags().StringVar(&function, "function", "", "that of this function; default: of every function")
	cmd.AddCommand(set, removal, listing(verb("list", l.say(list), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
		all, err := c.Variables(cmd.Context())
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(v wire.Variable) bool { return v.Secret != secret })
		return printList(cmd, l, all, "NAME\tFUNCTION\tUPDATED\tVALUE", func(v wire.Variable) string {
			of, value := v.Function, v.Value
			if of == "" {
				of = "*"
			}
			if v.Secret {
				value = "…"
			}
			return fmt.Sprintf("%s\t%s\t%s\t%s", v.Name, of, v.UpdatedAt.Local().Format(time.DateTime), value)
		})
	})))
	return cmd
}

func secretsCommand(l language) *cobra.Command {
	var function, file string
	set := verb("set NAME", l.say(secretTexts.set), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		value, err := secretText(cmd.InOrStdin(), file)
		if err != nil {
			return err
		}
		return c.SetVariable(cmd.Context(), wire.SetVariableRequest{Function: function, Name: args[0], Value: value, Secret: true})
	})
	set.Flags().StringVar(&function, "function", "", "for this function alone; default: for every function")
	set.Flags().StringVar(&file, "file", "-", "file with the value; - is the standard input")
	return variablesCommand(l, "secrets", secretTexts.secrets, secretTexts.list, secretTexts.remove, true, set)
}

func envCommand(l language) *cobra.Command {
	var function string
	set := verb("set NAME=VALUE...", l.say(secretTexts.envSet), cobra.MinimumNArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		for _, arg := range args {
			name, value, ok := strings.Cut(arg, "=")
			if !ok {
				return fmt.Errorf("%q is not like NAME=VALUE", arg)
			}
			if err := c.SetVariable(cmd.Context(), wire.SetVariableRequest{Function: function, Name: name, Value: value}); err != nil {
				return err
			}
		}
		return nil
	})
	set.Flags().StringVar(&function, "function", "", "for this function alone; default: for every function")
	return variablesCommand(l, "env", secretTexts.env, secretTexts.envList, secretTexts.envRemove, false, set)
}
