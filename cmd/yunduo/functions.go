package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	client "yunduo/sdk/go"
	"yunduo/wire"
)

func functionsCommand(l language) *cobra.Command {
	cmd := &cobra.Command{Use: "functions", Aliases: []string{"fn"}, Short: l.say(texts.functions)}
	cmd.AddCommand(functionsList(l), functionsShow(l), functionsInvoke(l), functionsLogs(l), functionsTrace(l), functionsStats(l), functionsRecord(l), functionsRecordings(l), functionsReplay(l), functionsVersions(l), functionsRollback(l), functionsDelete(l),
		functionsAlias(l), functionsTraffic(l), functionsPromote(l), functionsCanary(l), functionsDiff(l))
	return cmd
}

// verb makes a command that talks to a server on behalf of the project in the working directory.
func verb(use, short string, args cobra.PositionalArgs, run func(cmd *cobra.Command, c *client.Client, args []string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: args}
	connect := targetFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, _, err := connect(".")
		if err != nil {
			return err
		}
		return run(cmd, c, args)
	}
	return cmd
}

// printList writes a list as JSON or as a table.
func printList[T any](cmd *cobra.Command, l language, list []T, header string, row func(T) string) error {
	out := cmd.OutOrStdout()
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
		if list == nil {
			list = []T{}
		}
		return printJSON(out, list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, l.say(texts.nothingToList))
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, header)
	for _, item := range list {
		fmt.Fprintln(w, plain(row(item)))
	}
	return w.Flush()
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

func listing(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().Bool("json", false, "print JSON")
	return cmd
}

func functionsList(l language) *cobra.Command {
	return listing(verb("list", l.say(texts.functionsList), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
		list, err := c.Functions(cmd.Context())
		if err != nil {
			return err
		}
		return printList(cmd, l, list, "NAME\tVERSION\tTIMEOUT\tUPDATED\tPROBLEM", func(f wire.Function) string {
			problem := ""
			if f.Error != nil {
				problem, _, _ = strings.Cut(f.Error.Message, "\n")
			}
			return fmt.Sprintf("%s\t%d\t%gs\t%s\t%s", f.Name, f.Version, f.TimeoutSeconds, f.UpdatedAt.Local().Format(time.DateTime), problem)
		})
	}))
}

func functionsInvoke(l language) *cobra.Command {
	return verb("invoke NAME [EVENT]", l.say(texts.functionsInvoke), cobra.RangeArgs(1, 2), func(cmd *cobra.Command, c *client.Client, args []string) error {
		var event json.RawMessage
		if len(args) == 2 {
			text := []byte(args[1])
			if args[1] == "-" {
				var err error
				if text, err = io.ReadAll(os.Stdin); err != nil {
					return err
				}
			}
			if !json.Valid(text) {
				return fmt.Errorf("the event is not valid JSON: %s", text)
			}
			event = text
		}
		result, err := c.Invoke(cmd.Context(), args[0], event)
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), result)
	})
}

func functionsVersions(l language) *cobra.Command {
	return listing(verb("versions NAME", l.say(texts.functionsVersions), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		list, err := c.Versions(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return printList(cmd, l, list, "VERSION\tLIVE\tALIASES\tCREATED\tHASH", func(v wire.FunctionVersion) string {
			live := ""
			if v.Percent > 0 {
				live = fmt.Sprintf("%.4g %%", v.Percent)
			}
			return fmt.Sprintf("%d\t%s\t%s\t%s\t%.12s", v.Number, live, strings.Join(v.Aliases, " "), v.CreatedAt.Local().Format(time.DateTime), v.Hash)
		})
	}))
}

func functionsRollback(l language) *cobra.Command {
	return verb("rollback NAME [VERSION]", l.say(texts.functionsRollback), cobra.RangeArgs(1, 2), func(cmd *cobra.Command, c *client.Client, args []string) error {
		var number int64
		if len(args) == 2 {
			var err error
			if number, err = versionNumber(args[1]); err != nil {
				return err
			}
		}
		f, err := c.Rollback(cmd.Context(), args[0], number)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), l.say(texts.rolledBack, f.Name, f.Version))
		return err
	})
}

func functionsDelete(l language) *cobra.Command {
	return verb("delete NAME", l.say(texts.functionsDelete), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		if err := c.DeleteFunction(cmd.Context(), args[0]); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), l.say(texts.deleted, args[0]))
		return err
	})
}
