package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	client "yunduo/sdk/go"
	"yunduo/wire"
)

// idArgument is an _id as EJSON: what is no JSON number or object is a text.
func idArgument(text string) json.RawMessage {
	if json.Valid([]byte(text)) && strings.ContainsAny(text[:1], `{"-0123456789`) {
		return json.RawMessage(text)
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return nil
	}
	return quoted
}

// parseMoment reads a time: RFC 3339, a date and time of this machine's zone, or how long ago, such as "2h30m".
func parseMoment(text string) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return time.Now().Add(-ago), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time such as 2026-01-31T08:00:00Z, \"2026-01-31 08:00\" or 2h30m (ago)", text)
}

func dbHistory(l language) *cobra.Command {
	var limit, before int
	cmd := listing(verb("history COLLECTION [ID]", l.say(dataTexts.history), cobra.RangeArgs(1, 2), func(cmd *cobra.Command, c *client.Client, args []string) error {
		request := wire.HistoryRequest{Collection: args[0], Limit: limit, Before: wire.Position(before)}
		if len(args) == 2 {
			request.ID = idArgument(args[1])
		}
		page, err := c.History(cmd.Context(), request)
		if err != nil {
			return err
		}
		err = printList(cmd, l, page.Versions, "POSITION\tTIME\tWHAT\tWHO\tID\tCHANGED", func(v wire.DocumentVersion) string {
			return fmt.Sprintf("%d\t%s\t%s\t%s\t%s\t%s", v.Position, v.Time.Local().Format(time.DateTime), v.Kind, v.Actor, v.ID, strings.Join(v.Changed, " "))
		})
		if asJSON, _ := cmd.Flags().GetBool("json"); err != nil || asJSON {
			return err
		}
		if page.Next > 0 {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), l.say(dataTexts.olderPages, page.Next))
		} else if page.Since != nil {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), l.say(dataTexts.since, page.Since.Local().Format(time.DateTime)))
		}
		return err
	}))
	cmd.Flags().IntVar(&limit, "limit", 20, "how many changes, at most 100")
	cmd.Flags().IntVar(&before, "before", 0, "only changes before this position")
	return cmd
}

func dbRestore(l language) *cobra.Command {
	var at string
	var position int
	var dry bool
	cmd := listing(verb("restore COLLECTION [ID]", l.say(dataTexts.restore), cobra.RangeArgs(1, 2), func(cmd *cobra.Command, c *client.Client, args []string) error {
		request := wire.RestoreRequest{Collection: args[0], Position: wire.Position(position), DryRun: dry}
		if len(args) == 2 {
			request.ID = idArgument(args[1])
		}
		if at != "" {
			t, err := parseMoment(at)
			if err != nil {
				return err
			}
			request.At = &t
		}
		result, err := c.Restore(cmd.Context(), request)
		if err != nil {
			return err
		}
		if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
			err = printJSON(cmd.OutOrStdout(), result)
		} else {
			err = printRestored(cmd, l, dry, result)
		}
		if err == nil && result.Failed > 0 {
			err = fmt.Errorf("%d documents could not be restored", result.Failed)
		}
		return err
	}))
	cmd.Flags().StringVar(&at, "at", "", "as it was at this time, such as 2026-01-31T08:00:00Z or 2h (ago)")
	cmd.Flags().IntVar(&position, "position", 0, "as it was after this change of the history")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would change")
	cmd.MarkFlagsOneRequired("at", "position")
	cmd.MarkFlagsMutuallyExclusive("at", "position")
	return cmd
}

func printRestored(cmd *cobra.Command, l language, dry bool, r wire.RestoreResponse) error {
	out := cmd.OutOrStdout()
	if len(r.Documents) == 0 {
		_, err := fmt.Fprintln(out, l.say(dataTexts.unchanged))
		return err
	}
	sign := map[string]string{"insert": "+", "update": "~", "delete": "-"}
	var failure error
	for _, d := range r.Documents {
		line := fmt.Sprintf("%s %s %s", sign[d.Kind], d.ID, strings.Join(d.Changed, " "))
		if d.Error != nil {
			line += " ✗ " + d.Error.Message
		}
		_, err := fmt.Fprintln(out, strings.TrimSpace(line))
		failure = errors.Join(failure, err)
	}
	if r.Truncated {
		fmt.Fprintln(out, "...")
	}
	said := dataTexts.restored
	if dry {
		said = dataTexts.wouldRestore
	}
	_, err := fmt.Fprintln(out, l.say(said, r.Inserted, r.Updated, r.Deleted))
	return errors.Join(failure, err)
}

func dbTrashList(l language) *cobra.Command {
	return listing(verb("list", l.say(dataTexts.trashList), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
		list, err := c.Trash(cmd.Context())
		if err != nil {
			return err
		}
		return printList(cmd, l, list, "ID\tNAME\tDOCUMENTS\tDROPPED\tKEPT UNTIL", func(d wire.DroppedCollection) string {
			return fmt.Sprintf("%s\t%s\t%d\t%s\t%s", d.ID, d.Name, d.Documents, d.DroppedAt.Local().Format(time.DateTime), d.Until.Local().Format(time.DateTime))
		})
	}))
}

func dbTrashRestore(l language) *cobra.Command {
	return verb("restore ID [NAME]", l.say(dataTexts.trashRestore), cobra.RangeArgs(1, 2), func(cmd *cobra.Command, c *client.Client, args []string) error {
		name := ""
		if len(args) == 2 {
			name = args[1]
		}
		if err := c.Undrop(cmd.Context(), args[0], name); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), l.say(dataTexts.undropped))
		return err
	})
}

func dbTrashDelete(l language) *cobra.Command {
	return verb("delete ID", l.say(dataTexts.trashDelete), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		if err := c.Purge(cmd.Context(), args[0]); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), l.say(dataTexts.purged))
		return err
	})
}
