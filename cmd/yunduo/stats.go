package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	client "yunduo/sdk/go"
	"yunduo/wire"
)

var statsTexts = struct{ stats, since, hours text }{
	stats: text{"Show what functions did: calls, errors, latency, cold starts, use of processor and memory", "查看云函数的运行指标：调用、错误、延迟、冷启动、处理器与内存"},
	since: text{"how far back", "起始时间（距今多久）"},
	hours: text{"by hours, not by minutes", "按小时而不是按分钟统计"},
}

// functionsStats lists functions with their figures, or one function's figures by time.
func functionsStats(l language) *cobra.Command {
	var since time.Duration
	var hours bool
	cmd := listing(verb("stats [NAME]", l.say(statsTexts.stats), cobra.MaximumNArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		to := time.Now()
		from := to.Add(-since)
		request := wire.StatsRequest{From: &from, To: &to, Functions: len(args) == 0}
		if hours {
			request.StepSeconds = 3600
		}
		if len(args) > 0 {
			request.Function = args[0]
		}
		reply, err := c.Stats(cmd.Context(), request)
		if err != nil {
			return err
		}
		if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
			return printJSON(cmd.OutOrStdout(), reply)
		}
		const header = "\tCALLS\tERRORS\tCOLD\tP50 MS\tP95 MS\tP99 MS\tQUEUE MS\tCPU MS\tMIB"
		if len(args) == 0 {
			return printList(cmd, l, reply.Functions, "FUNCTION"+header, func(f wire.FunctionStats) string { return f.Name + statsRow(f.StatsBucket) })
		}
		var busy []wire.StatsBucket
		for _, b := range reply.Buckets {
			if b.Calls > 0 || b.CPUMS > 0 || b.MemoryBytes > 0 {
				busy = append(busy, b)
			}
		}
		return printList(cmd, l, busy, "TIME"+header, func(b wire.StatsBucket) string { return b.Time.Local().Format("2006-01-02 15:04") + statsRow(b) })
	}))
	cmd.Flags().DurationVar(&since, "since", time.Hour, l.say(statsTexts.since))
	cmd.Flags().BoolVar(&hours, "hours", false, l.say(statsTexts.hours))
	return cmd
}

func statsRow(b wire.StatsBucket) string {
	return fmt.Sprintf("\t%d\t%d\t%d\t%.1f\t%.1f\t%.1f\t%.2f\t%.0f\t%.1f", b.Calls, b.Errors, b.ColdStarts, b.P50MS, b.P95MS, b.P99MS, b.QueueMS, b.CPUMS, float64(b.MemoryBytes)/(1<<20))
}
