package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	client "yunduo/sdk/go"
	"yunduo/wire"
)

var releaseTexts = struct{ releases, release, rollback, diff, made, back, same text }{
	releases: text{"List the releases of an app", "列出应用的发布记录"},
	release:  text{"Go back to a release, or compare two", "回滚到某次发布，或比较两次发布"},
	rollback: text{"Make everything as it was after a release; without one, as before the last", "恢复到某次发布后的状态；不指定则恢复到上一次发布"},
	diff:     text{"Compare two releases", "比较两次发布"},
	made:     text{"✓ release %d is live", "✓ 第 %d 次发布已上线"},
	back:     text{"✓ release %d is live: everything is as it was after release %d", "✓ 第 %d 次发布已上线：已恢复到第 %d 次发布后的状态"},
	same:     text{"Releases %d and %d are the same.", "第 %d 次与第 %d 次发布相同。"},
}

func releasesCommand(l language) *cobra.Command {
	return listing(verb("releases", l.say(releaseTexts.releases), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
		list, err := c.Releases(cmd.Context())
		if err != nil {
			return err
		}
		return printList(cmd, l, list, "RELEASE\tLIVE\tCREATED\tBY\tFUNCTIONS\tNOTE", func(r wire.Release) string {
			live, note := "", r.Note
			if r.Live {
				live = "✓"
			}
			if r.Restores > 0 {
				note = fmt.Sprintf("= %d %s", r.Restores, note)
			}
			return fmt.Sprintf("%d\t%s\t%s\t%s\t%d\t%s", r.Number, live, r.CreatedAt.Local().Format(time.DateTime), r.CreatedBy, len(r.Functions), note)
		})
	}))
}

func releaseCommand(l language) *cobra.Command {
	cmd := &cobra.Command{Use: "release", Short: l.say(releaseTexts.release)}
	cmd.AddCommand(releaseRollback(l), releaseDiff(l))
	return cmd
}

func releaseRollback(l language) *cobra.Command {
	var request wire.RollbackReleaseRequest
	cmd := verb("rollback [RELEASE]", l.say(releaseTexts.rollback), cobra.MaximumNArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		if len(args) == 1 {
			var err error
			if request.Number, err = versionNumber(args[0]); err != nil {
				return err
			}
		}
		r, err := c.RollbackRelease(cmd.Context(), request)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		for _, warning := range r.Warnings {
			fmt.Fprintln(out, l.say(texts.configProblem, warning))
		}
		_, err = fmt.Fprintln(out, l.say(releaseTexts.back, r.Number, r.Restores))
		return err
	})
	cmd.Flags().BoolVar(&request.DropIndexes, "drop-indexes", false, "also drop the indexes that were made since")
	return cmd
}

func releaseDiff(l language) *cobra.Command {
	return listing(verb("diff [FROM [TO]]", l.say(releaseTexts.diff), cobra.MaximumNArgs(2), func(cmd *cobra.Command, c *client.Client, args []string) error {
		var numbers [2]int64
		for i, text := range args {
			var err error
			if numbers[i], err = versionNumber(text); err != nil {
				return err
			}
		}
		d, err := c.DiffReleases(cmd.Context(), numbers[0], numbers[1])
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
			return printJSON(out, d)
		}
		if len(d.Changes) == 0 {
			_, err := fmt.Fprintln(out, l.say(releaseTexts.same, d.From, d.To))
			return err
		}
		for _, change := range d.Changes {
			name := change.Kind
			if change.Name != "" {
				name += " " + change.Name
			}
			if _, err := fmt.Fprintf(out, "%s: %s → %s\n", name, cmp.Or(change.From, "-"), cmp.Or(change.To, "-")); err != nil {
				return err
			}
		}
		return nil
	}))
}
