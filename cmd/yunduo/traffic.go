package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	client "yunduo/sdk/go"
	"yunduo/wire"
)

const liveAlias = "live"

var trafficTexts = struct{ alias, traffic, promote, diff, moved, removed, same text }{
	alias:   text{"List a function's aliases, or make one lead to a version", "列出云函数的别名，或让别名指向某个版本"},
	traffic: text{"Show or set which share of the users gets another version", "查看或设置另一个版本承接的用户比例"},
	promote: text{"Give a version all calls", "让某个版本承接全部调用"},
	diff:    text{"Compare two versions of a function", "比较云函数的两个版本"},
	moved:   text{"%s: %s leads to %s", "%s：%s 指向 %s"},
	removed: text{"%s has no alias %s any more", "%s 的别名 %s 已删除"},
	same:    text{"Versions %d and %d are the same.", "版本 %d 与 %d 相同。"},
}

// versionNumber reads a version, with or without a "v" in front.
func versionNumber(text string) (int64, error) {
	number, err := strconv.ParseInt(strings.TrimPrefix(text, "v"), 10, 64)
	if err != nil || number < 1 {
		return 0, fmt.Errorf("%q is not a version number", text)
	}
	return number, nil
}

// versionShare reads "8=10": version 8 gets 10 percent of the users.
func versionShare(text string) (version int64, percent float64, err error) {
	before, after, ok := strings.Cut(text, "=")
	if !ok {
		return 0, 0, fmt.Errorf("%q is not like 8=10, a version and its percentage", text)
	}
	if version, err = versionNumber(before); err != nil {
		return 0, 0, err
	}
	if percent, err = strconv.ParseFloat(strings.TrimSuffix(after, "%"), 64); err != nil {
		return 0, 0, fmt.Errorf("%q is not a percentage", after)
	}
	return version, percent, nil
}

// shares tells where calls go, as in "7 (90 %), 8 (10 %)".
func shares(d wire.Destination) string {
	if d.Next == 0 {
		return strconv.FormatInt(d.Version, 10)
	}
	return fmt.Sprintf("%d (%.4g %%), %d (%.4g %%)", d.Version, 100-d.Percent, d.Next, d.Percent)
}

// aliasRow is a line of a function's aliases.
type aliasRow struct {
	Alias string `json:"alias"`
	wire.Destination
}

func aliasRows(f wire.Function) []aliasRow {
	rows := []aliasRow{{liveAlias, f.Live}}
	for _, alias := range slices.Sorted(maps.Keys(f.Aliases)) {
		rows = append(rows, aliasRow{alias, f.Aliases[alias]})
	}
	return rows
}

func functionsAlias(l language) *cobra.Command {
	var remove bool
	cmd := listing(verb("alias NAME [ALIAS [VERSION]]", l.say(trafficTexts.alias), cobra.RangeArgs(1, 3), func(cmd *cobra.Command, c *client.Client, args []string) error {
		name := args[0]
		switch {
		case remove && len(args) == 2:
			if err := c.DeleteAlias(cmd.Context(), name, args[1]); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), l.say(trafficTexts.removed, name, args[1]))
			return err
		case remove:
			return errors.New("which alias is to be removed? Give one, and no version")
		case len(args) == 3:
			version, err := versionNumber(args[2])
			if err != nil {
				return err
			}
			f, err := c.SetAlias(cmd.Context(), name, args[1], wire.Destination{Version: version})
			if err != nil {
				return err
			}
			return printMoved(cmd, l, f, args[1])
		}
		f, err := c.Function(cmd.Context(), name)
		if err != nil {
			return err
		}
		rows := aliasRows(f)
		if len(args) == 2 {
			rows = slices.DeleteFunc(rows, func(r aliasRow) bool { return r.Alias != args[1] })
		}
		return printList(cmd, l, rows, "ALIAS\tVERSIONS", func(r aliasRow) string { return r.Alias + "\t" + shares(r.Destination) })
	}))
	cmd.Flags().BoolVar(&remove, "remove", false, "remove the alias")
	return cmd
}

func printMoved(cmd *cobra.Command, l language, f wire.Function, alias string) error {
	d := f.Live
	if alias != liveAlias {
		d = f.Aliases[alias]
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), l.say(trafficTexts.moved, f.Name, alias, shares(d)))
	return err
}

func functionsTraffic(l language) *cobra.Command {
	var alias string
	cmd := verb("traffic NAME [VERSION=PERCENT]", l.say(trafficTexts.traffic), cobra.RangeArgs(1, 2), func(cmd *cobra.Command, c *client.Client, args []string) error {
		f, err := c.Function(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if len(args) == 2 {
			to, ok := f.Aliases[alias]
			if alias == liveAlias {
				to, ok = f.Live, true
			}
			if !ok {
				return fmt.Errorf("the function %s has no alias %q; make it first", f.Name, alias)
			}
			if to.Next, to.Percent, err = versionShare(args[1]); err != nil {
				return err
			}
			if f, err = c.SetAlias(cmd.Context(), args[0], alias, to); err != nil {
				return err
			}
		}
		return printMoved(cmd, l, f, alias)
	})
	cmd.Flags().StringVar(&alias, "alias", liveAlias, "the alias whose calls are shared")
	return cmd
}

func functionsPromote(l language) *cobra.Command {
	return verb("promote NAME [VERSION]", l.say(trafficTexts.promote), cobra.RangeArgs(1, 2), func(cmd *cobra.Command, c *client.Client, args []string) error {
		var version int64
		if len(args) == 2 {
			var err error
			if version, err = versionNumber(args[1]); err != nil {
				return err
			}
		}
		f, err := c.Promote(cmd.Context(), args[0], version)
		if err != nil {
			return err
		}
		return printMoved(cmd, l, f, liveAlias)
	})
}

func functionsDiff(l language) *cobra.Command {
	return listing(verb("diff NAME [FROM [TO]]", l.say(trafficTexts.diff), cobra.RangeArgs(1, 3), func(cmd *cobra.Command, c *client.Client, args []string) error {
		var numbers [2]int64
		for i, text := range args[1:] {
			var err error
			if numbers[i], err = versionNumber(text); err != nil {
				return err
			}
		}
		d, err := c.Diff(cmd.Context(), args[0], numbers[0], numbers[1])
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
			return printJSON(out, d)
		}
		if len(d.Files)+len(d.Settings) == 0 {
			_, err := fmt.Fprintln(out, l.say(trafficTexts.same, d.From, d.To))
			return err
		}
		return printDiff(out, d)
	}))
}

func printDiff(out io.Writer, d wire.FunctionDiff) error {
	for _, s := range d.Settings {
		if _, err := fmt.Fprintf(out, "%s: %s → %s\n", s.Name, cmp.Or(s.From, "-"), cmp.Or(s.To, "-")); err != nil {
			return err
		}
	}
	for _, f := range d.Files {
		text := f.Patch
		if text == "" {
			text = fmt.Sprintf("%s: %s\n", f.Path, f.Change)
		}
		if _, err := fmt.Fprint(out, text); err != nil {
			return err
		}
	}
	return nil
}
