package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	client "yunduo/sdk/go"
	"yunduo/wire"
)

var logTexts = struct{ limit, level, failed, search, since, follow, trace, more, omitted text }{
	limit:   text{"how many invocations", "调用数量"},
	level:   text{"only invocations with a line of this level or a graver one: debug, info, warn or error; a failure is an error", "只显示含该级别及以上日志的调用：debug、info、warn、error，失败视为 error"},
	failed:  text{"failures only", "仅失败的调用"},
	search:  text{"only invocations with this text in a line, their message, reason, user, ID or request ID, or, as name:value, with this field in a line", "只显示日志、错误信息、原因、用户、ID 或请求 ID 含该文本的调用；name:value 还按日志字段查找"},
	since:   text{"how far back; 0 is as far as records are kept", "起始时间（距今多久），0 表示全部"},
	follow:  text{"go on with new invocations as they end, until Ctrl+C", "持续显示新的调用，按 Ctrl+C 停止"},
	trace:   text{"Show where the time of an invocation went: gateway, queue, run and every call of the platform", "查看一次调用的耗时分布：网关、排队、运行与每次平台调用"},
	more:    text{"there are more: give a larger --limit, or --since", "还有更多：请增大 --limit 或使用 --since"},
	omitted: text{"%d more calls", "另有 %d 次调用"},
}

func functionsLogs(l language) *cobra.Command {
	var request wire.LogsRequest
	var since time.Duration
	var follow bool
	cmd := listing(verb("logs [NAME]", l.say(texts.functionsLogs), cobra.MaximumNArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		if len(args) > 0 {
			request.Function = args[0]
		}
		asJSON, _ := cmd.Flags().GetBool("json")
		if follow {
			return followLogs(cmd, c, request, asJSON)
		}
		if since > 0 {
			from := time.Now().Add(-since)
			request.Since = &from
		}
		list, more, err := searchLogs(cmd, c, request)
		if err != nil {
			return err
		}
		err = printList(cmd, l, list, "TIME\tFUNCTION\tMS\tRESULT\tID", logRow)
		if err == nil && more && !asJSON && cmd.Flags().Changed("limit") {
			_, err = fmt.Fprintln(cmd.ErrOrStderr(), l.say(logTexts.more))
		}
		return err
	}))
	flags := cmd.Flags()
	flags.IntVar(&request.Limit, "limit", 50, l.say(logTexts.limit))
	flags.StringVar(&request.Level, "level", "", l.say(logTexts.level))
	flags.BoolVar(&request.Failed, "failed", false, l.say(logTexts.failed))
	flags.StringVar(&request.Search, "search", "", l.say(logTexts.search))
	flags.DurationVar(&since, "since", 0, l.say(logTexts.since))
	flags.BoolVarP(&follow, "follow", "f", false, l.say(logTexts.follow))
	return cmd
}

// searchLogs asks until so many were found as are wanted, or there are no more.
func searchLogs(cmd *cobra.Command, c *client.Client, request wire.LogsRequest) (list []wire.InvocationRecord, more bool, err error) {
	limit := request.Limit
	for {
		request.Limit = min(limit-len(list), 500)
		reply, err := c.Logs(cmd.Context(), request)
		if err != nil {
			return nil, false, err
		}
		list = append(list, reply.Invocations...)
		if reply.More == "" || len(list) >= limit {
			return list, reply.More != "", nil
		}
		request.Before = reply.More
	}
}

func followLogs(cmd *cobra.Command, c *client.Client, request wire.LogsRequest, asJSON bool) error {
	out := cmd.OutOrStdout()
	err := c.FollowLogs(cmd.Context(), request, func(i wire.InvocationRecord) error {
		if asJSON {
			return printJSON(out, i)
		}
		_, err := fmt.Fprintln(out, strings.ReplaceAll(plain(logRow(i)), "\t", "  "))
		return err
	})
	if errors.Is(err, cmd.Context().Err()) { // Ctrl+C is how this ends
		return nil
	}
	return err
}

func logRow(i wire.InvocationRecord) string {
	result := "ok"
	if i.Reason != "" {
		result = i.Reason + ": " + strings.NewReplacer("\n", " ", "\t", " ").Replace(i.Message)
	}
	text := fmt.Sprintf("%s\t%s\t%.1f\t%s\t%s", i.StartedAt.Local().Format(time.DateTime), i.Function, i.DurationMS, result, i.ID)
	for _, line := range i.Lines {
		text += "\n  "
		if line.Level != "info" {
			text += line.Level + ": "
		}
		text += strings.NewReplacer("\n", "\n  ", "\t", "    ").Replace(line.Message)
	}
	return text
}

func functionsTrace(l language) *cobra.Command {
	return listing(verb("trace ID", l.say(logTexts.trace), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		t, err := c.Trace(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
			return printJSON(out, t)
		}
		return printTrace(plainWriter{out}, l, t)
	}))
}

// printTrace draws a trace as bars on one scale of time.
func printTrace(out io.Writer, l language, t wire.TraceResponse) error {
	result := "ok"
	if t.Reason != "" {
		result = t.Reason + ": " + t.Message
	}
	if _, err := fmt.Fprintf(out, "%s v%d  %s  %.2f ms  %s\n", t.Function, t.Version, t.StartedAt.Local().Format(time.DateTime), t.DurationMS, result); err != nil {
		return err
	}
	p := &waterfall{out: out, language: l}
	if t.Trace != nil {
		p.total = max(t.Trace.GatewayMS+t.DurationMS, 0.001)
		p.invocation(t, t.Trace.GatewayMS, 0)
	}
	return p.err
}

// waterfall prints spans below each other.
type waterfall struct {
	out      io.Writer
	language language
	total    float64 // milliseconds from the left to the right
	err      error
}

const barWidth = 40

func (w *waterfall) bar(depth int, name string, start, took float64, note string) {
	if w.err != nil {
		return
	}
	from := min(int(start/w.total*barWidth), barWidth-1)
	width := max(1, min(int(took/w.total*barWidth+0.5), barWidth-from))
	bar := strings.Repeat(" ", from) + strings.Repeat("█", width) + strings.Repeat(" ", barWidth-from-width)
	name = strings.Repeat("  ", depth) + name
	_, w.err = fmt.Fprintf(w.out, "%-36s │%s│ %9.2f ms%s\n", name, bar, took, note)
}

// invocation prints an invocation that began so many milliseconds after the whole.
func (w *waterfall) invocation(t wire.TraceResponse, at float64, depth int) {
	if t.Trace == nil {
		return
	}
	if t.Trace.GatewayMS > 0 {
		w.bar(depth, "gateway", max(0, at-t.Trace.GatewayMS), t.Trace.GatewayMS, "")
	}
	queue := "queue"
	if t.Cold {
		queue += " (cold)"
	}
	w.bar(depth, queue, at, t.Trace.QueueMS, "")
	w.bar(depth, "run "+t.Function, at+t.Trace.QueueMS, t.Trace.RunMS, "")
	children := map[string]wire.TraceResponse{}
	for _, c := range t.Children {
		children[c.ID] = c
	}
	for _, c := range t.Trace.Calls {
		name, note := c.Operation, ""
		if c.Target != "" {
			name += " " + c.Target
		}
		for _, p := range c.Plans {
			note += "  " + planOf(p)
		}
		if c.Reason != "" {
			note += "  ✗ " + c.Reason
		}
		w.bar(depth+1, name, at+c.StartMS, c.TookMS, note)
		if child, ok := children[c.Child]; ok {
			w.invocation(child, at+c.StartMS, depth+2)
		}
	}
	if t.Trace.Omitted > 0 && w.err == nil {
		_, w.err = fmt.Fprintln(w.out, strings.Repeat("  ", depth+1)+w.language.say(logTexts.omitted, t.Trace.Omitted))
	}
}

// planOf says how documents were found.
func planOf(p wire.TracePlan) string {
	if p.Index == "" {
		return "scan of " + p.Collection
	}
	return "index " + p.Index + " of " + p.Collection
}
