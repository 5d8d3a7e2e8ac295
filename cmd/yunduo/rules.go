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

var rulesTexts = struct{ rules, get, set, test text }{
	rules: text{"Say who may do what with documents, files and functions", "设置数据、文件与云函数的安全规则"},
	get:   text{"Show the rules of a collection, of files or of functions", "查看集合、文件或云函数的安全规则"},
	set:   text{"Set rules: a preset, a JSON text, or - to read it from standard input", "设置安全规则：预设名称、JSON 文本，或用 - 从标准输入读取"},
	test:  text{"Try what rules let a caller do", "试算安全规则允许的操作"},
}

// rulesOf says which rules an argument names: a collection, or "files" or "functions" with a colon in front.
func rulesOf(name string) (kind, collection string) {
	switch name {
	case ":files", ":functions":
		return name[1:], ""
	}
	return "collection", name
}

func rulesCommand(l language) *cobra.Command {
	cmd := &cobra.Command{Use: "rules", Short: l.say(rulesTexts.rules)}
	cmd.AddCommand(rulesGet(l), rulesSet(l), rulesTest(l))
	return cmd
}

const rulesUse = "COLLECTION|:files|:functions"

func rulesGet(l language) *cobra.Command {
	return verb("get "+rulesUse, l.say(rulesTexts.get), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		kind, collection := rulesOf(args[0])
		text, err := c.Rules(cmd.Context(), kind, collection)
		if err == nil {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
		}
		return err
	})
}

func rulesSet(l language) *cobra.Command {
	return verb("set "+rulesUse+" RULES", l.say(rulesTexts.set), cobra.ExactArgs(2), func(cmd *cobra.Command, c *client.Client, args []string) error {
		text := args[1]
		if text == "-" {
			given, err := io.ReadAll(os.Stdin)
			if err != nil {
				return err
			}
			text = strings.TrimSpace(string(given))
		}
		kind, collection := rulesOf(args[0])
		return c.SetRules(cmd.Context(), kind, collection, text)
	})
}

func rulesTest(l language) *cobra.Command {
	var request wire.TestRulesRequest
	var who wire.RulesSubject
	var document string
	var nobody bool
	use := "test COLLECTION|:files|FUNCTION:invoke [read|create|update|delete]"
	cmd := verb(use, l.say(rulesTexts.test), cobra.RangeArgs(1, 2), func(cmd *cobra.Command, c *client.Client, args []string) error {
		request.Kind, request.Name = rulesOf(args[0])
		if name, ok := strings.CutSuffix(args[0], ":invoke"); ok {
			request.Kind, request.Name = "function", name
		} else if len(args) < 2 {
			return errors.New("which operation? Give read, create, update or delete")
		} else {
			request.Operation = args[1]
		}
		if !nobody {
			request.Auth = &who
		}
		if document != "" {
			request.Document = []byte(document)
		}
		answer, err := c.TestRules(cmd.Context(), request)
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), answer)
	})
	flags := cmd.Flags()
	flags.StringVar(&request.Rules, "rules", "", "rules to try instead of those that are set")
	flags.StringVar(&who.OpenID, "openid", "", "openid of the caller")
	flags.StringVar(&who.UserID, "uid", "", "user ID of the caller")
	flags.StringVar(&who.UnionID, "unionid", "", "unionid of the caller")
	flags.StringVar(&who.Provider, "provider", "", "how the caller signed in, such as wechat")
	flags.BoolVar(&who.Anonymous, "anonymous", false, "the caller signed in anonymously")
	flags.BoolVar(&nobody, "nobody", false, "nobody is signed in")
	flags.StringVar(&document, "document", "", "a document, or {\"openid\",\"path\",\"size\",\"type\"} of a file, as JSON")
	return cmd
}
