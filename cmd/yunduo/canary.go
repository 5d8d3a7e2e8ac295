package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	client "yunduo/sdk/go"
	"yunduo/wire"
)

var canaryTexts = struct{ canary, none, plan, stable, fresh, running, promoted, rolledBack, stopped text }{
	canary:     text{"Give a version more and more calls while it does well, or show how that goes", "让新版本逐步承接更多调用，异常时自动回滚；不带参数则查看进度"},
	none:       text{"%s has had no canary.", "%s 还没有灰度发布。"},
	plan:       text{"%s: version %d, %s (step %d of %d, %.4g %% of the users)", "%s：版本 %d，%s（第 %d/%d 步，%.4g %% 的用户）"},
	stable:     text{"  stable: %d calls, %d failed, p99 %.4g ms", "  稳定版本：调用 %d 次，失败 %d 次，p99 %.4g ms"},
	fresh:      text{"  new:    %d calls, %d failed, p99 %.4g ms", "  新版本：　调用 %d 次，失败 %d 次，p99 %.4g ms"},
	running:    text{"running", "进行中"},
	promoted:   text{"has all calls", "已全量发布"},
	rolledBack: text{"rolled back", "已自动回滚"},
	stopped:    text{"stopped", "已停止"},
}

func functionsCanary(l language) *cobra.Command {
	var version int64
	var steps []string
	var every, maxP99 time.Duration
	var maxErrors string
	var minCalls int64
	var stop bool
	cmd := listing(verb("canary NAME", l.say(canaryTexts.canary), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) (err error) {
		var f wire.Function
		switch {
		case stop:
			f, err = c.StopCanary(cmd.Context(), args[0])
		case version != 0:
			request := wire.CanaryRequest{Version: version, EverySeconds: every.Seconds(), MaxP99MS: float64(maxP99) / float64(time.Millisecond), MinCalls: minCalls}
			if request.Steps, err = percentages(steps); err != nil {
				return err
			}
			if maxErrors != "" {
				limits, err := percentages([]string{maxErrors})
				if err != nil {
					return err
				}
				request.MaxErrorPercent = &limits[0]
			}
			f, err = c.StartCanary(cmd.Context(), args[0], request)
		default:
			f, err = c.Function(cmd.Context(), args[0])
		}
		if err != nil {
			return err
		}
		if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
			return printJSON(cmd.OutOrStdout(), f.Canary)
		}
		return printCanary(cmd.OutOrStdout(), l, f)
	}))
	flags := cmd.Flags()
	flags.Int64Var(&version, "version", 0, "the version to begin with; without it the command shows how the canary goes")
	flags.StringSliceVar(&steps, "steps", nil, "percentages of the users; default 5,25,50,100")
	flags.DurationVar(&every, "every", 0, "how long a step lasts at least; default 5m")
	flags.StringVar(&maxErrors, "max-errors", "", "how many of the calls may fail; default 2%")
	flags.DurationVar(&maxP99, "max-p99", 0, "what 99 of 100 calls may take; default twice what the stable version takes")
	flags.Int64Var(&minCalls, "min-calls", 0, "calls that a step needs before it is judged; default 50")
	flags.BoolVar(&stop, "stop", false, "take the calls back")
	return cmd
}

// percentages reads numbers with or without a percent sign.
func percentages(list []string) ([]float64, error) {
	numbers := make([]float64, len(list))
	for i, text := range list {
		var err error
		if numbers[i], err = strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "%")), 64); err != nil {
			return nil, fmt.Errorf("%q is not a percentage", text)
		}
	}
	return numbers, nil
}

func printCanary(out io.Writer, l language, f wire.Function) error {
	c := f.Canary
	if c == nil {
		_, err := fmt.Fprintln(out, l.say(canaryTexts.none, f.Name))
		return err
	}
	state := map[string]text{"running": canaryTexts.running, "promoted": canaryTexts.promoted, "rolled_back": canaryTexts.rolledBack, "stopped": canaryTexts.stopped}[c.State]
	lines := []string{
		l.say(canaryTexts.plan, f.Name, c.Version, l.say(state), c.Step+1, len(c.Steps), c.Percent),
		l.say(canaryTexts.stable, c.Stable.Calls, c.Stable.Errors, c.Stable.P99MS), l.say(canaryTexts.fresh, c.New.Calls, c.New.Errors, c.New.P99MS),
	}
	if c.Message != "" {
		lines = append(lines, "  "+c.Message)
	}
	_, err := fmt.Fprintln(out, strings.Join(lines, "\n"))
	return err
}
